package feature

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Name names a switch.
type Name string

// The switches of the shop.
const (
	Returns       Name = "returns"
	FlashSales    Name = "flash_sales"
	PartnerIngest Name = "partner_ingest"
	Registration  Name = "registration"
	Photos        Name = "photos"
	StoreCredit   Name = "store_credit"
)

// Definition says what a switch switches.
type Definition struct {
	Name    Name
	Label   string // on the page of switches
	About   string // what is there when it is on
	WhenOff string // the same when it is off, in the middle of a sentence
	Off     string // what people read who want it while it is off
	// PerUser reports whether it can be on for some users: what nobody has signed in for is
	// on for all or for none.
	PerUser bool
}

// Definitions are the switches, in the order of the page.
var Definitions = []Definition{
	{
		Returns, "Return requests",
		"Customers request returns.",
		"no new requests are accepted; returns in progress are not affected.",
		"We are not accepting return requests at the moment. Your returns in progress are not affected.", true,
	},
	{
		FlashSales, "Flash sales",
		"Sale prices and reservations apply.",
		"products sell at their regular price.",
		"There are no flash sales at the moment. Everything sells at its regular price.", false,
	},
	{
		PartnerIngest, "Partner feeds",
		"Product feeds are accepted and fetched.",
		"feeds are refused, and those in progress wait.",
		"We are not accepting feeds at the moment. Send this one again later.", false,
	},
	{
		Registration, "Registration",
		"People create accounts.",
		"no new accounts; existing ones are not affected.",
		"We are not opening new accounts at the moment. If you already have an account, sign in.", false,
	},
	{
		Photos, "Return photos",
		"Customers and staff add photos to returns.",
		"no new photos are accepted; existing ones stay.",
		"Photos cannot be added at the moment. Send your request without them.", true,
	},
	{
		StoreCredit, "Store credit",
		"Refunds are paid as store credit where the policy allows it, and customers can pay with it.",
		"refunds and orders are paid by card or in cash; customers keep their balance.",
		"Store credit is not available at the moment. Choose another method.", true,
	},
}

// OffWords says, for staff, that it is off and what that means.
func (d Definition) OffWords() string {
	return d.Label + ": switched off for everyone. Until it is on again, " + d.WhenOff
}

// Define returns the definition of a switch; ok is false for a name that is none.
func Define(n Name) (d Definition, ok bool) {
	i := slices.IndexFunc(Definitions, func(d Definition) bool { return d.Name == n })
	if i < 0 {
		return Definition{}, false
	}
	return Definitions[i], true
}

// Mode says for whom a switch is on.
type Mode string

// The modes of a switch.
const (
	On      Mode = "on"
	Off     Mode = "off"
	Rollout Mode = "rollout" // for the listed users and a percentage of the others
)

// Switch is a switch as it stands.
type Switch struct {
	Name       Name
	Mode       Mode
	Percentage int      // of users, with Rollout
	Users      []string // ids for which it is on, with Rollout
	Version    int      // 0: nobody has set it
	ChangedAt  time.Time
	ChangedBy  string
}

// For reports whether the switch is on for a user; an empty id is somebody who has not
// signed in, for whom a rollout is off. The same user is asked the same on every replica, and
// stays in when the percentage grows.
func (s Switch) For(userID string) bool {
	if s.Mode != Rollout {
		return s.Mode == On
	}
	if userID == "" {
		return false
	}
	return slices.Contains(s.Users, userID) || bucket(s.Name, userID) < s.Percentage
}

// bucket is where in 0 to 99 a user stands for a switch. It differs between switches, so that
// not always the same people are first.
func bucket(n Name, userID string) int {
	sum := sha256.Sum256([]byte(string(n) + "\x00" + userID))
	return int(binary.BigEndian.Uint64(sum[:8]) % 100)
}
