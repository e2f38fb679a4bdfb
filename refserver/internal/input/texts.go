package input

import "reflect"

// text is what messages say of a field.
type text struct {
	label   string // what a page calls it
	allowed string // completes the sentence "it must be ..."
	prompt  string // what a page says where it is missing
}

// texts are the words for the fields, by their name in JSON or by the tag text
// of a field that shares its name with another.
var texts = map[string]text{
	"accepted":         {label: "Quantity", allowed: "a whole number from 0 on"},
	"amount":           {label: "Amount", allowed: "an amount such as 12.34"},
	"approve":          {allowed: "true or false", prompt: "Choose whether to approve or to reject."},
	"cap":              {label: "Total units", allowed: "a whole number of units, or empty for no limit"},
	"cap_per_customer": {label: "Units per customer", allowed: "a whole number of units, or empty for no limit"},
	"carrier":          {label: "Carrier", allowed: "a name such as UPS", prompt: "Enter the carrier, such as UPS."},
	"condition":        {label: "Condition"},
	"customer_id":      {label: "Customer", allowed: "the id of the customer whose order it is"},
	"decision":         {label: "Decision", allowed: "approve or reject"},
	"delivered_at":     {label: "Delivered", allowed: "a day such as 2026-01-31", prompt: "Choose the delivery day."},
	"discount_percent": {label: "Discount", allowed: "a number from 0 to 100 with at most 2 decimals"},
	"disposition":      {label: "Disposition"},
	"ends":             {label: "Ends", allowed: "a day and a time, such as 2026-11-27T09:00"},
	"items":            {label: "Items", allowed: "a list of at most 200 lines"},
	"lines":            {label: "Lines", allowed: "a list of at most 200 lines"},
	"method":           {label: "Method"},
	"page":             {allowed: "a whole number from 1 on"},
	"password":         {label: "Password", allowed: "at least 8 characters"},
	"payment_method": {
		label: "Payment method", allowed: "Cash or Card", prompt: "Choose a payment method: Cash or Card.",
	},
	"percent":    {label: "Discount", allowed: "a number from 0.01 to 100 with at most 2 decimals"},
	"product_id": {label: "Product", allowed: "the number of a product, such as 1"},
	"quantity":   {label: "Quantity", allowed: "a whole number, such as 1"},
	"reason": {
		label: "Reason", allowed: "one of DAMAGED, WRONG_ITEM, NOT_AS_DESCRIBED, OTHER", prompt: "Choose a reason.",
	},
	"received":           {label: "Quantity", allowed: "a whole number from 0 on"},
	"result":             {label: "Result", prompt: "Choose the result of the inspection."},
	"role":               {label: "Role", allowed: "customer, support, warehouse, finance, admin or auditor"},
	"rules":              {label: "Rules", prompt: "Choose the rules to override."},
	"action":             {allowed: "one of enable, disable, rollout"},
	"email":              {label: "Email", allowed: "an address such as name@example.com"},
	"rollout_percentage": {label: "Percentage", allowed: "a whole number from 0 to 100"},
	"sale_item_id":       {allowed: "the id of a line of the order, as GET /api/orders gives it"},
	"sale_id": {
		label: "Order", allowed: "the id of the order, as GET /api/orders gives it", prompt: "Choose an order.",
	},
	"shipping_weight": {label: "Shipping weight", allowed: "a number from 0 on with at most 3 decimals"},
	"starts":          {label: "Starts", allowed: "a day and a time, such as 2026-11-27T09:00"},
	"since":           {allowed: "a day, such as 2026-01-31", prompt: "Choose a day."},
	"stock":           {label: "Units in stock", allowed: "a whole number, such as 1"},
	"stock_was":       {allowed: "what the page was loaded with; reload the page"},
	"tracking_number": {
		label: "Tracking number", allowed: "the parcel's number at the carrier", prompt: "Enter the tracking number.",
	},
	"url": {
		label: "Address", allowed: "an address, such as https://example.com/events", prompt: "Give the address.",
	},
	"username": {label: "Username", allowed: "3 to 64 of the letters a to z, digits, _ . and -"},
	"user_id":  {label: "User", allowed: "the id of a user"},

	"order status":  {label: "Status", allowed: "one of COMPLETED, QUEUED, CANCELLED, or empty for all"},
	"return status": {label: "Status", allowed: "a status of a return, such as AUTHORIZED, or empty for all"},
	"override reason": {
		label: "Reason", allowed: "why the policy is overridden", prompt: "Say why the policy is overridden.",
	},
	"requested units": {label: "Quantity", allowed: "a whole number from 1 on"},
	"reserved units":  {label: "Quantity", allowed: "the number of units to hold, such as 1"},
}

// textOf returns the words for a field.
func textOf(f reflect.StructField) text {
	if key := f.Tag.Get("text"); key != "" {
		return texts[key]
	}
	return texts[fieldName(f)]
}
