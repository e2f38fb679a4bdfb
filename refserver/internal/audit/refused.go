package audit

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/throttle"
)

// ofOneKind is how many refusals of one kind and reason are recorded of a member of the staff, and of all
// others at one address: each takes a transaction, and an account costs nothing.
var ofOneKind = throttle.Limit{Count: 10, Per: time.Hour, Burst: 10}

// maxRefusals is how many kinds and reasons are counted at a time, of staff and of all others.
const maxRefusals = 1 << 13

// refusals counts what was refused, of staff apart from all others, who so can't take their places.
type refusals struct{ staff, others *throttle.Keyed }

func newRefusals() refusals {
	places := func() *throttle.Keyed {
		k, err := throttle.NewKeyed(ofOneKind, maxRefusals)
		if err != nil {
			panic(err) // the arguments are constants
		}
		return k
	}
	return refusals{places(), places()}
}

// allow reports whether one more, of a kind and reason, is recorded of the user of ctx.
func (r refusals) allow(ctx context.Context, now time.Time, kind, address string) bool {
	of, who := r.others, auth.AddressKey(address)
	if u, ok := auth.FromContext(ctx); ok && u.IsStaff() {
		of, who = r.staff, u.ID
	}
	d, err := of.TakeAt(now, who+" "+kind, 1)
	return err == nil && d.Allowed
}

// Refused adds an entry about something that the user of ctx was refused, with the details "reason" and,
// where there is one, "route". Ten of a type, route and reason are added in an hour for each member
// of the staff, and for all customers at an address together; of the others the log alone has a line, as it
// has of one that can't be added: the refusal stands all the same. It is added also where the caller
// has gone away.
func (l *Log) Refused(ctx context.Context, e Entry) {
	ctx = context.WithoutCancel(ctx)
	now := l.now()
	e.fill(ctx, now)
	missing := "there are many"
	if l.refused.allow(ctx, now, e.Type+" "+e.Details["route"]+" "+e.Details["reason"], e.Address) {
		err := l.Append(ctx, nil, e)
		if err == nil {
			return
		}
		missing = err.Error()
	}
	l.log.WarnContext(ctx, "a refusal is not in the audit", "type", e.Type, "subject", e.SubjectID,
		"reason", e.Details["reason"], "actor_id", e.ActorID, "error", missing)
}
