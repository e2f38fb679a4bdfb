package paysim

// accountID is the account that every key belongs to.
const accountID = "acct_1Simulator000000"

type accountView struct {
	ID               string `json:"id"`
	Object           string `json:"object"`
	ChargesEnabled   bool   `json:"charges_enabled"`
	Country          string `json:"country"`
	DefaultCurrency  string `json:"default_currency"`
	DetailsSubmitted bool   `json:"details_submitted"`
	PayoutsEnabled   bool   `json:"payouts_enabled"`
	Type             string `json:"type"`
}

// retrieveAccount says whose key it is. As at Stripe, no other answer and no
// event names the account: only answers and events of connected accounts do.
func retrieveAccount(c *call) (operation, *apiError) {
	if err := c.params.only("expand[]"); err != nil {
		return nil, err
	}
	return func(*tx) (func() any, *apiError) {
		return func() any {
			return accountView{
				ID: accountID, Object: "account", ChargesEnabled: true, Country: "US", DefaultCurrency: "usd",
				DetailsSubmitted: true, PayoutsEnabled: true, Type: "standard",
			}
		}, nil
	}, nil
}
