package load

import (
	"context"
	"net/url"
)

// DemoRMA is the number of the return of the demo data, which an outage can be tried on.
const DemoRMA = "RMA-CP3-DEMO-001"

// demoReturn is the return of the demo data: its page and its status, empty where there is none.
func (r *run) demoReturn(ctx context.Context) (page, status string) {
	var list struct {
		Returns []struct {
			ID     string `json:"id"`
			RMA    string `json:"rma_number"`
			Status string `json:"status"`
		} `json:"returns"`
	}
	if err := r.getJSON(ctx, "/api/admin/returns?q="+url.QueryEscape(DemoRMA), &list); err != nil {
		return "", "" // the run does not need it
	}
	for _, one := range list.Returns {
		if one.RMA == DemoRMA {
			return r.options.URL + "/admin/returns/" + one.ID, one.Status
		}
	}
	return "", ""
}

// prompt says what can be tried while the provider is silent.
func (r *run) prompt(ctx context.Context) {
	if page, status := r.demoReturn(ctx); status != "" && status != "REFUNDED" {
		r.say("-- now refund %s by card, at %s", DemoRMA, page)
		r.say("   (mark it as received and record the inspection first); the refund stays pending for now")
	}
}

// promptAgain says what to do after the repair.
func (r *run) promptAgain(ctx context.Context) {
	if page, status := r.demoReturn(ctx); status != "" && status != "REFUNDED" {
		r.say("-- request the refund of %s again: now it is paid, once", DemoRMA)
		r.say("   %s", page)
	}
}
