package endpoint

// The actions of the shop.
var (
	ReadCart        = Action{Name: "read the cart"}
	ListProducts    = Action{Name: "list products"}
	AddToCart       = Action{Name: "add to the cart"}
	SetCartQuantity = Action{Name: "set a quantity in the cart"}
	ClearCart       = Action{Name: "empty the cart"}
	Checkout        = Action{Name: "check out", Once: true, Patient: true}

	ReadCredit     = Action{Name: "read own store credit"}
	ListOrders     = Action{Name: "list own orders"}
	ReadOrder      = Action{Name: "read an order"}
	CancelOrder    = Action{Name: "cancel an order"}
	CheckPayment   = Action{Name: "check the payment of an order"}
	ListAllOrders  = Action{Name: "list all orders", Who: Staff}
	RecordDelivery = Action{Name: "record a delivery", Who: Staff}

	ListFlashSales     = Action{Name: "list flash sales"}
	ReserveFlashSale   = Action{Name: "reserve units of a flash sale"}
	ListAllFlashSales  = Action{Name: "list all flash sales", Who: Staff}
	CreateFlashSale    = Action{Name: "plan a flash sale", Who: Staff, Once: true}
	ChangeFlashSale    = Action{Name: "change a flash sale", Who: Staff}
	EndFlashSale       = Action{Name: "end a flash sale", Who: Staff}
	ManageProducts     = Action{Name: "read products as staff", Who: Staff}
	CreateProduct      = Action{Name: "create a product", Who: Staff, Once: true}
	ChangeProduct      = Action{Name: "change a product", Who: Staff}
	ListFeatures       = Action{Name: "list the switches"}
	ManageFeatures     = Action{Name: "set a switch", Who: Staff}
	ReadPartners       = Action{Name: "read partners", Who: Staff}
	CreatePartner      = Action{Name: "create a partner", Who: Staff, Once: true}
	ChangePartner      = Action{Name: "change a partner", Who: Staff, Once: true}
	FetchPartner       = Action{Name: "fetch a partner's feed", Who: Staff, Once: true}
	ManagePartnerKeys  = Action{Name: "make and revoke keys", Who: Staff}
	ReadOperation      = Action{Name: "see how far an operation is", Who: Staff}
	CancelOperation    = Action{Name: "cancel an operation", Who: Staff}
	StartExport        = Action{Name: "export", Who: Staff}
	ReadScenarios      = Action{Name: "read the quality scenarios", Who: Staff}
	RunScenario        = Action{Name: "run quality scenarios", Who: Staff, Once: true}
	PublishPolicy      = Action{Name: "publish a policy", Who: Staff}
	ReadPolicy         = Action{Name: "read the versions of the policy", Who: Staff}
	ListUsers          = Action{Name: "list users", Who: Staff}
	SetRole            = Action{Name: "change a user's role", Who: Staff}
	ReadServiceLevels  = Action{Name: "read the service levels", Who: Staff}
	ReadReconciliation = Action{Name: "compare refunds with the provider's list", Who: Staff}
)

// The actions on returns. Those with photos are executed once per key too:
// their handlers read the body before they know the key.
var (
	ListReturns     = Action{Name: "list own returns"}
	ReadReturn      = Action{Name: "read an own return"}
	ReadPhoto       = Action{Name: "see a photo of a return"}
	EstimateReturn  = Action{Name: "estimate a refund"}
	RequestReturn   = Action{Name: "request a return", Once: true}
	ProvideInfo     = Action{Name: "give more information", Once: true}
	CancelReturn    = Action{Name: "cancel a return"}
	ListAllReturns  = Action{Name: "list all returns", Who: Staff}
	ReadAnyReturn   = Action{Name: "read any return", Who: Staff}
	FileReturn      = Action{Name: "file a return for a customer", Who: Staff, Once: true}
	DecideReturn    = Action{Name: "authorize or reject a return", Who: Staff}
	RequestInfo     = Action{Name: "request information", Who: Staff}
	ShipReturn      = Action{Name: "record a shipment", Who: Staff}
	ReceiveReturn   = Action{Name: "record what was received", Who: Staff}
	InspectReturn   = Action{Name: "record an inspection", Who: Staff}
	OverridePolicy  = Action{Name: "override the policy", Who: Staff}
	CloseReturnTask = Action{Name: "close a task", Who: Staff}
	QuoteRefund     = Action{Name: "quote a refund", Who: Staff}
	RefundReturn    = Action{Name: "refund a return", Who: Staff, Once: true}
	PayRest         = Action{Name: "pay what refunds left", Who: Staff, Once: true}
)

// The actions on the review queue.
var (
	ReadQueue        = Action{Name: "read the review queue", Who: Staff}
	ResolveRefund    = Action{Name: "resolve a refund", Who: Staff, Once: true}
	ReleaseRefund    = Action{Name: "release a held refund", Who: Staff, Once: true}
	ResolveOrder     = Action{Name: "resolve a charge", Who: Staff, Once: true}
	CloseDiscrepancy = Action{Name: "close a discrepancy", Who: Staff, Once: true}
	ApproveRefund    = Action{Name: "approve a refund", Who: Staff, Once: true}
	DeclineRefund    = Action{Name: "decline a refund", Who: Staff, Once: true}
)
