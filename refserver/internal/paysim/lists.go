package paysim

import (
	"math"
	"slices"
	"time"
)

// page is which part of a list is wanted, as Stripe pages
// (https://docs.stripe.com/api/pagination).
type page struct {
	limit         int
	startingAfter string
	endingBefore  string
	created       createdRange
	expand        []string
}

// createdRange holds instants in whole seconds since 1970, both ends included.
type createdRange struct{ from, to int64 }

func (c createdRange) has(at time.Time) bool {
	s := at.Unix()
	return c.from <= s && s <= c.to
}

// readPage reads what all lists take; filters are the names of the filters that the
// list itself knows, expandable what may be expanded in it.
func readPage(p params, filters, expandable []string) (page, *apiError) {
	pg := page{limit: 10}
	if err := p.only(append([]string{"limit", "starting_after", "ending_before", "created", "created[gt]",
		"created[gte]", "created[lt]", "created[lte]", "expand[]"}, filters...)...); err != nil {
		return pg, err
	}
	limit, given, err := p.integer("limit", 1)
	switch {
	case err != nil:
		return pg, err
	case given && limit > 100:
		return pg, invalid("parameter_invalid_integer", "limit", "This value must be less than or equal to 100.")
	case given:
		pg.limit = int(limit)
	}
	pg.startingAfter, pg.endingBefore = p.values["starting_after"], p.values["ending_before"]
	if pg.startingAfter != "" && pg.endingBefore != "" {
		return pg, invalid("parameters_exclusive", "starting_after",
			"You may only specify one of these parameters: starting_after, ending_before.")
	}
	if pg.created, err = readCreated(p); err != nil {
		return pg, err
	}
	for _, e := range p.lists["expand"] {
		if !slices.ContainsFunc(expandable, func(known string) bool { return e == "data."+known }) {
			return pg, invalid("", "expand", "This property cannot be expanded ("+e+").")
		}
		pg.expand = append(pg.expand, e[len("data."):])
	}
	return pg, nil
}

// readCreated reads the range of created.
func readCreated(p params) (createdRange, *apiError) {
	c := createdRange{math.MinInt64, math.MaxInt64}
	for _, bound := range []struct {
		name string
		set  func(int64)
	}{
		{"created", func(n int64) { c.from, c.to = max(c.from, n), min(c.to, n) }},
		{"created[gte]", func(n int64) { c.from = max(c.from, n) }},
		{"created[lte]", func(n int64) { c.to = min(c.to, n) }},
		{"created[gt]", func(n int64) { c.from = max(c.from, n+1) }},
		{"created[lt]", func(n int64) { c.to = min(c.to, n-1) }},
	} {
		n, given, err := p.integer(bound.name, 0)
		switch {
		case err != nil:
			return c, err
		case given && n == math.MaxInt64:
			return c, invalid("parameter_invalid_integer", bound.name, "Invalid timestamp.")
		case given:
			bound.set(n)
		}
	}
	return c, nil
}

// viewList is the JSON of a page.
func viewList[T any](c *call, found []T, more bool, view func(T) any) listView {
	views := make([]any, len(found))
	for n, v := range found {
		views[n] = view(v)
	}
	return listView{Object: "list", Data: views, HasMore: more, URL: c.path}
}

// list picks a page out of all, which is ordered oldest first, for an answer that is
// newest first. place returns the position of an id among all.
func list[T any](
	all []T, pg page, kind string, place func(id string) (int, bool), match func(T) bool,
) (found []T, more bool, err *apiError) {
	cursor, param := pg.startingAfter, "starting_after"
	step, at := -1, len(all)-1
	if pg.endingBefore != "" {
		cursor, param = pg.endingBefore, "ending_before"
		step, at = 1, 0
	}
	if cursor != "" {
		n, ok := place(cursor)
		if !ok {
			return nil, false, invalid("resource_missing", param, "No such "+kind+": '"+cursor+"'")
		}
		at = n + step
	}
	for ; at >= 0 && at < len(all); at += step {
		if !match(all[at]) {
			continue
		}
		if len(found) == pg.limit {
			more = true
			break
		}
		found = append(found, all[at])
	}
	if step > 0 {
		slices.Reverse(found)
	}
	return found, more, nil
}
