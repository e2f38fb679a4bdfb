package orders

var (
	whenNoPage      = when{"no page was opened", func(f facts) bool { return !f.created }}
	whenOverNoPage  = when{"withdrawing, no page was opened", func(f facts) bool { return f.withdrawing && !f.created }}
	whenOverNotYet  = when{"withdrawing", func(f facts) bool { return f.withdrawing && !f.closing }}
	whenOverAlready = when{"withdrawing, closing was tried", func(f facts) bool { return f.withdrawing }}
)

// pageRules is the table of an attempt at an order that is paid on a page of the
// provider's, where the customer confirms and not the shop. It is read as rules is:
//
//	last call  answer     condition               next
//	(none)     none       withdrawing, no page    end: nobody was given a page to pay on
//	                      was opened
//	(none)     none       no page was opened      create
//	(none)     none                               look up
//	create     done                               await the customer
//	create     declined                           decline
//	create     any other                          wait: nobody was given a page to pay on
//	look up    captured                           complete
//	look up    canceled                           end
//	look up    open       withdrawing             cancel
//	look up    open       withdrawing, closing    wait
//	                      was tried
//	look up    open                               await the customer
//	look up    any other                          wait
//	cancel     canceled                           end
//	cancel     any other                          look up: it may be paid
var pageRules = []rule{
	{last: "", answer: answerNone, when: whenOverNoPage, next: actEnd, why: "there is no payment page"},
	{last: "", answer: answerNone, when: whenNoPage, next: actCreate, why: "there is no payment page"},
	{last: "", answer: answerNone, when: whenOther, next: actLookUp, why: "the customer may have paid"},
	{last: actCreate, answer: answerDone, when: whenOther, next: actAwait, why: "the payment page is open"},
	{last: actCreate, answer: answerDeclined, when: whenOther, next: actDecline, why: "the provider declined it"},
	{
		last: actCreate, answer: anyAnswer, when: whenOther, next: actWait, unpaid: true,
		why: "nobody was given a page to pay on",
	},
	{last: actLookUp, answer: answerCaptured, when: whenOther, next: actComplete, why: "the customer has paid"},
	{last: actLookUp, answer: answerCanceled, when: whenOther, next: actEnd, why: "the page takes no payment any more"},
	{last: actLookUp, answer: answerOpen, when: whenOverNotYet, next: actCancel, why: "the order is to end unpaid"},
	{
		last: actLookUp, answer: answerOpen, when: whenOverAlready, next: actWait, newKey: true,
		why: "neither paid nor closed",
	},
	{last: actLookUp, answer: answerOpen, when: whenOther, next: actAwait, why: "the customer can still pay"},
	{last: actLookUp, answer: anyAnswer, when: whenOther, next: actWait, why: "its state is not known"},
	{last: actCancel, answer: answerCanceled, when: whenOther, next: actEnd, why: "the page takes no payment any more"},
	{last: actCancel, answer: anyAnswer, when: whenOther, next: actLookUp, why: "it may be paid"},
}
