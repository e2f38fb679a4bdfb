package access

import "github.com/returnkit/returnkit/refserver/internal/auth"

// Permission is what a route needs. Its name is an object and a verb.
type Permission string

// The permissions. Open needs no sign-in; all others need a role that has them.
const (
	Open           Permission = "open"
	OwnAccount     Permission = "account.own"
	ShopRead       Permission = "shop.read"
	ShopBuy        Permission = "shop.buy"
	OrdersRead     Permission = "orders.read"
	OrdersDeliver  Permission = "orders.deliver"
	ReturnsRead    Permission = "returns.read"
	ReturnsDecide  Permission = "returns.decide"
	ReturnsShip    Permission = "returns.ship"
	ReturnsInspect Permission = "returns.inspect"
	TasksClose     Permission = "tasks.close"
	RefundsPay     Permission = "refunds.pay"
	ReviewRead     Permission = "review.read"
	ReviewSettle   Permission = "review.settle"
	CatalogRead    Permission = "catalog.read"
	CatalogChange  Permission = "catalog.change"
	PartnersRead   Permission = "partners.read"
	PartnersChange Permission = "partners.change"
	WebhooksRead   Permission = "webhooks.read"
	WebhooksChange Permission = "webhooks.change"
	FeaturesRead   Permission = "features.read"
	FeaturesChange Permission = "features.change"
	PolicyRead     Permission = "policy.read"
	PolicyPublish  Permission = "policy.publish"
	InsightRead    Permission = "insight.read"
	UsersRead      Permission = "users.read"
	UsersChange    Permission = "users.change"
	AuditRead      Permission = "audit.read"
	OperationsOwn  Permission = "operations.own"
	ScenariosRun   Permission = "scenarios.run"
)

// Roles in groups that several permissions have.
var (
	everyRole = auth.Roles()
	buyers    = []auth.Role{auth.Customer, auth.Support, auth.Warehouse, auth.Finance, auth.Admin}
	staff     = []auth.Role{auth.Support, auth.Warehouse, auth.Finance, auth.Admin, auth.Auditor}
	service   = []auth.Role{auth.Support, auth.Admin}
	goods     = []auth.Role{auth.Warehouse, auth.Admin}
	money     = []auth.Role{auth.Finance, auth.Admin}
	admins    = []auth.Role{auth.Admin}
	overseers = []auth.Role{auth.Admin, auth.Auditor}
)

// grant is a permission with the roles that have it.
type grant struct {
	Permission Permission
	Roles      []auth.Role
	Purpose    string
}

// grants says which roles have which permission. The auditor has those that read.
var grants = []grant{
	{OwnAccount, everyRole, "one's own account: password, sessions, second factor"},
	{ShopRead, everyRole, "the storefront, and one's own orders and returns"},
	{ShopBuy, buyers, "shopping, and requesting and canceling one's own returns"},
	{OrdersRead, staff, "all orders"},
	{OrdersDeliver, []auth.Role{auth.Support, auth.Warehouse, auth.Admin}, "recording a delivery"},
	{ReturnsRead, staff, "all returns"},
	{ReturnsDecide, service, "filing, authorizing, rejecting, requesting information, overriding the policy"},
	{ReturnsShip, []auth.Role{auth.Support, auth.Warehouse, auth.Admin}, "recording a shipment"},
	{ReturnsInspect, goods, "receiving and inspecting a parcel"},
	{TasksClose, []auth.Role{auth.Support, auth.Finance, auth.Admin}, "closing a task of a return"},
	{RefundsPay, money, "paying and approving refunds"},
	{ReviewRead, staff, "the review queue and the reconciliation"},
	{ReviewSettle, money, "settling items of the review queue"},
	{CatalogRead, staff, "products and flash sales, as staff see them"},
	{CatalogChange, admins, "changing products, prices and flash sales"},
	{PartnersRead, overseers, "partners, their keys and feeds"},
	{PartnersChange, admins, "changing partners, making and revoking their keys"},
	{WebhooksRead, overseers, "webhooks, and what was sent to them"},
	{WebhooksChange, admins, "adding and changing webhooks, sending events again"},
	{FeaturesRead, overseers, "the feature switches, as staff see them"},
	{FeaturesChange, admins, "switching features"},
	{PolicyRead, staff, "the return policy"},
	{PolicyPublish, admins, "publishing a return policy"},
	{InsightRead, overseers, "dashboard, metrics and service levels"},
	{UsersRead, overseers, "all accounts"},
	{UsersChange, admins, "roles, locks and deletion of accounts"},
	{AuditRead, overseers, "the audit, and exporting it"},
	{OperationsOwn, staff, "exports and other long operations that one started, and canceling them; an admin: all"},
	{ScenariosRun, admins, "running the quality scenarios"},
}

// routes is every route of the shop with the permission it needs.
var routes = []Route{
	{Pattern: "/static/", Needs: Open},
	{Pattern: "GET /health", Needs: Open},
	{Pattern: "GET /health/live", Needs: Open},
	{Pattern: "GET /health/ready", Needs: Open},
	{Pattern: "GET /health/startup", Needs: Open},
	{Pattern: "GET /api/system/health", Needs: Open},
	{Pattern: "GET /metrics", Needs: Open, Note: "METRICS_TOKEN, or this machine only"},
	{Pattern: "POST /webhooks/stripe", Needs: Open, Note: "signed by the payment provider"},

	{Pattern: "GET /login", Needs: Open},
	{Pattern: "POST /login", Needs: Open},
	{Pattern: "GET /login/code", Needs: Open},
	{Pattern: "POST /login/code", Needs: Open},
	{Pattern: "GET /logout", Needs: Open},
	{Pattern: "POST /logout", Needs: Open},
	{Pattern: "GET /register", Needs: Open},
	{Pattern: "POST /register", Needs: Open},

	{Pattern: "GET /account/forgot", Needs: Open},
	{Pattern: "POST /account/forgot", Needs: Open},
	{Pattern: "GET /account/reset", Needs: Open},
	{Pattern: "POST /account/reset", Needs: Open, Note: "a token from a mail"},
	{Pattern: "GET /account", Needs: OwnAccount},
	{Pattern: "GET /account/confirm", Needs: OwnAccount},
	{Pattern: "POST /account/confirm", Needs: OwnAccount},
	{Pattern: "GET /account/second-factor", Needs: OwnAccount},
	{Pattern: "POST /account/second-factor/start", Needs: OwnAccount, StepUp: true},
	{Pattern: "POST /account/second-factor/confirm", Needs: OwnAccount},
	{Pattern: "POST /account/second-factor/remove", Needs: OwnAccount},
	{Pattern: "POST /account/password", Needs: OwnAccount},
	{Pattern: "POST /account/sessions/end", Needs: OwnAccount},
	{Pattern: "POST /account/delete", Needs: OwnAccount},
	{Pattern: "POST /account/mail", Needs: OwnAccount},
	{Pattern: "GET /notifications", Needs: OwnAccount},
	{Pattern: "GET /notifications/stream", Needs: OwnAccount},
	{Pattern: "POST /notifications/read", Needs: OwnAccount},
	{Pattern: "POST /notifications/{id}/read", Needs: OwnAccount},

	{Pattern: "GET /{$}", Needs: ShopRead},
	{Pattern: "POST /add_to_cart", Needs: ShopBuy, Script: true},
	{Pattern: "POST /set_cart_quantity", Needs: ShopBuy, Script: true},
	{Pattern: "POST /cancel_sale", Needs: ShopBuy},
	{Pattern: "POST /checkout", Needs: ShopBuy, Script: true},
	{Pattern: "GET /order-history", Needs: ShopRead},
	{Pattern: "GET /store-credit", Needs: ShopRead},
	{Pattern: "GET /orders/{id}", Needs: ShopRead},
	{Pattern: "POST /orders/{id}/cancel", Needs: ShopBuy},
	{Pattern: "GET /orders/{id}/payment", Needs: ShopBuy, Acts: true, Note: "looks the payment up at the provider"},
	{Pattern: "GET /returns", Needs: ShopRead},
	{Pattern: "GET /returns/{id}", Needs: ShopRead},
	{Pattern: "GET /returns/{id}/photos/{photo}", Needs: ShopRead},
	{Pattern: "POST /returns/request", Needs: ShopBuy},
	{Pattern: "POST /returns/{id}/info", Needs: ShopBuy},
	{Pattern: "POST /returns/{id}/cancel", Needs: ShopBuy},
	{Pattern: "GET /cart", Needs: ShopRead},
	{Pattern: "GET /returns/new", Needs: ShopRead},
	{Pattern: "GET /returns/{id}/slip", Needs: ShopRead},
	{Pattern: "POST /returns/{id}/shipment", Needs: ShopBuy},

	{Pattern: "GET /admin/returns", Needs: ReturnsRead},
	{Pattern: "GET /admin/returns/{id}", Needs: ReturnsRead},
	{Pattern: "GET /admin/returns/new", Needs: ReturnsDecide},
	{Pattern: "POST /admin/returns", Needs: ReturnsDecide, Own: OrderInBody},
	{Pattern: "POST /admin/returns/{id}/authorize", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/request-info", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/override", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/shipment", Needs: ReturnsShip, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/receive", Needs: ReturnsInspect, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/inspection", Needs: ReturnsInspect, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/refund", Needs: RefundsPay, Own: ReturnInPath},
	{Pattern: "POST /admin/returns/{id}/tasks/{task}/close", Needs: TasksClose, Own: ReturnInPath},
	{Pattern: "GET /admin/queue", Needs: ReviewRead},
	{Pattern: "POST /admin/queue/refunds/{id}/resolve", Needs: ReviewSettle, StepUp: true, Own: RefundInPath},
	{Pattern: "POST /admin/queue/refunds/{id}/release", Needs: ReviewSettle, StepUp: true, Own: RefundInPath},
	{Pattern: "POST /admin/queue/orders/{id}/resolve", Needs: ReviewSettle, StepUp: true, Own: OrderInPath},
	{Pattern: "POST /admin/queue/alarms/{id}/close", Needs: ReviewSettle, Own: AlarmInPath, Audit: "discrepancy"},
	{Pattern: "POST /admin/queue/approvals/{id}/approve", Needs: RefundsPay, Own: ApprovalInPath},
	{Pattern: "POST /admin/queue/approvals/{id}/decline", Needs: RefundsPay, Own: ApprovalInPath},
	{Pattern: "GET /admin/reconciliation", Needs: ReviewRead},
	{Pattern: "GET /admin/reconciliation.csv", Needs: ReviewRead, Audit: "export"},

	{Pattern: "GET /admin/search", Needs: OrdersRead},
	{Pattern: "GET /admin/orders", Needs: OrdersRead},
	{Pattern: "POST /admin/orders/{id}/delivery", Needs: OrdersDeliver, Own: OrderInPath},
	{Pattern: "POST /admin/orders/{id}/rest", Needs: RefundsPay, Own: OrderInPath},
	{Pattern: "GET /admin/products", Needs: CatalogRead},
	{Pattern: "GET /admin/products/{id}", Needs: CatalogRead},
	{Pattern: "POST /admin/products", Needs: CatalogChange, Audit: "product"},
	{Pattern: "POST /admin/products/{id}", Needs: CatalogChange, Audit: "product"},
	{Pattern: "GET /admin/flash-sales", Needs: CatalogRead},
	{Pattern: "GET /admin/flash-sales/{id}", Needs: CatalogRead},
	{Pattern: "POST /admin/flash-sales", Needs: CatalogChange, Audit: "flash_sale"},
	{Pattern: "POST /admin/flash-sales/{id}", Needs: CatalogChange, Audit: "flash_sale"},
	{Pattern: "POST /admin/flash-sales/{id}/end", Needs: CatalogChange, Audit: "flash_sale"},
	{Pattern: "GET /admin/partners", Needs: PartnersRead},
	{Pattern: "GET /admin/partners/{id}", Needs: PartnersRead},
	{Pattern: "POST /admin/partners", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /admin/partners/{id}", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /admin/partners/{id}/fetch", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /admin/partners/{id}/keys", Needs: PartnersChange, StepUp: true, Audit: "key"},
	{Pattern: "POST /admin/partners/{id}/keys/{prefix}/revoke", Needs: PartnersChange, StepUp: true, Audit: "key"},
	{Pattern: "GET /admin/webhooks", Needs: WebhooksRead},
	{Pattern: "POST /admin/webhooks", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "GET /admin/webhooks/{id}", Needs: WebhooksRead},
	{Pattern: "POST /admin/webhooks/{id}", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/rotate", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/delete", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/enable", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/disable", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/replay", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/resend", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/deliveries/{event}/resend", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /admin/webhooks/{id}/ping", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "GET /admin/mail", Needs: UsersRead},
	{Pattern: "POST /admin/mail/{id}/resend", Needs: UsersChange, Audit: "mail"},
	{Pattern: "GET /admin/features", Needs: FeaturesRead},
	{Pattern: "POST /admin/features/{name}", Needs: FeaturesChange, Audit: "feature"},
	{Pattern: "GET /admin/policy", Needs: PolicyRead},
	{Pattern: "POST /admin/policy", Needs: PolicyPublish, Audit: "policy"},
	{Pattern: "GET /admin/dashboard", Needs: InsightRead},
	{Pattern: "GET /admin/dashboard/charts/{name}", Needs: InsightRead},
	{Pattern: "GET /admin/dashboard/stream", Needs: InsightRead},
	{Pattern: "GET /admin/metrics", Needs: InsightRead},
	{Pattern: "GET /admin/users", Needs: UsersRead},
	{Pattern: "POST /admin/users", Needs: UsersChange, StepUp: true},
	{Pattern: "GET /admin/users/{id}", Needs: UsersRead},
	{Pattern: "POST /admin/users/{id}/lock", Needs: UsersChange, StepUp: true},
	{Pattern: "POST /admin/users/{id}/unlock", Needs: UsersChange, StepUp: true},
	{Pattern: "POST /admin/users/{id}/sign-out", Needs: UsersChange},
	{Pattern: "POST /admin/users/{id}/delete", Needs: UsersChange, StepUp: true},
	{Pattern: "POST /admin/users/{id}/second-factor/remove", Needs: UsersChange, StepUp: true},
	{Pattern: "GET /dev/mail", Needs: UsersChange, Note: "in development without a mail server only"},
	{Pattern: "GET /admin/audit", Needs: AuditRead},
	{Pattern: "GET /admin/audit/log", Needs: AuditRead},
	{Pattern: "POST /admin/audit/log/export", Needs: AuditRead, Audit: "export"},
	{Pattern: "POST /admin/orders/export", Needs: OrdersRead, Audit: "export"},
	{Pattern: "POST /admin/returns/export", Needs: ReturnsRead, Audit: "export"},
	{Pattern: "GET /admin/operations", Needs: OperationsOwn},
	{Pattern: "GET /admin/operations/{id}", Needs: OperationsOwn},
	{Pattern: "GET /admin/operations/{id}/file", Needs: OperationsOwn, Audit: "export"},
	{Pattern: "POST /admin/operations/{id}/cancel", Needs: OperationsOwn, Audit: "operation"},
	{Pattern: "GET /admin/scenarios", Needs: InsightRead},
	{Pattern: "POST /admin/scenarios", Needs: ScenariosRun, Audit: "operation"},
	{Pattern: "GET /admin/scenarios/{id}", Needs: InsightRead},
	{Pattern: "GET /admin/scenarios/{id}/charts/{name}", Needs: InsightRead},

	{Pattern: "GET /api/openapi.yaml", Needs: Open},
	{Pattern: "GET /api/docs", Needs: Open},
	{Pattern: "GET /api/products", Needs: ShopRead},
	{Pattern: "GET /api/flash-sales", Needs: ShopRead},
	{Pattern: "POST /api/flash-sales/{id}/reserve", Needs: ShopBuy},
	{Pattern: "GET /api/orders", Needs: ShopRead},
	{Pattern: "GET /api/store-credit", Needs: ShopRead},
	{Pattern: "GET /api/returns", Needs: ShopRead},
	{Pattern: "GET /api/returns/{id}", Needs: ShopRead},
	{Pattern: "GET /api/returns/estimate", Needs: ShopRead},
	{Pattern: "POST /api/returns/estimate", Needs: ShopRead},
	{Pattern: "POST /api/returns", Needs: ShopBuy},
	{Pattern: "POST /api/returns/{id}/info", Needs: ShopBuy},
	{Pattern: "POST /api/returns/{id}/cancel", Needs: ShopBuy},

	{Pattern: "GET /api/admin/returns", Needs: ReturnsRead},
	{Pattern: "GET /api/admin/returns/{id}", Needs: ReturnsRead},
	{Pattern: "POST /api/admin/returns", Needs: ReturnsDecide, Own: OrderInBody},
	{Pattern: "POST /api/admin/returns/{id}/authorize", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/request-info", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/override", Needs: ReturnsDecide, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/shipment", Needs: ReturnsShip, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/receive", Needs: ReturnsInspect, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/inspection", Needs: ReturnsInspect, Own: ReturnInPath},
	{Pattern: "POST /api/admin/returns/{id}/refund", Needs: RefundsPay, Own: ReturnInPath},
	{Pattern: "POST /api/admin/orders/{id}/rest", Needs: RefundsPay, Own: OrderInPath},
	{Pattern: "GET /api/admin/queue", Needs: ReviewRead},
	{Pattern: "POST /api/admin/queue/refunds/{id}/resolve", Needs: ReviewSettle, StepUp: true, Own: RefundInPath},
	{Pattern: "POST /api/admin/queue/refunds/{id}/release", Needs: ReviewSettle, StepUp: true, Own: RefundInPath},
	{Pattern: "POST /api/admin/queue/orders/{id}/resolve", Needs: ReviewSettle, StepUp: true, Own: OrderInPath},
	{Pattern: "POST /api/admin/queue/alarms/{id}/close", Needs: ReviewSettle, Own: AlarmInPath, Audit: "discrepancy"},
	{Pattern: "POST /api/admin/queue/approvals/{id}/approve", Needs: RefundsPay, Own: ApprovalInPath},
	{Pattern: "POST /api/admin/queue/approvals/{id}/decline", Needs: RefundsPay, Own: ApprovalInPath},
	{Pattern: "GET /api/admin/reconciliation", Needs: ReviewRead},
	{Pattern: "POST /api/admin/products", Needs: CatalogChange, Audit: "product"},
	{Pattern: "POST /api/admin/products/{id}", Needs: CatalogChange, Audit: "product"},
	{Pattern: "POST /api/partner/ingest", Needs: Open, Note: "a partner's key"},
	{Pattern: "POST /api/orders/external", Needs: Open, Note: "a partner's key"},
	{Pattern: "GET /api/progress/{operation_id}", Needs: Open, Session: true,
		Note: "an admin, who started it, or the partner's key"},
	{Pattern: "POST /api/progress/{operation_id}/cancel", Needs: OperationsOwn, Audit: "operation"},
	{Pattern: "POST /api/admin/scenarios/{id}/run", Needs: ScenariosRun, Audit: "operation"},
	{Pattern: "GET /api/admin/partners", Needs: PartnersRead},
	{Pattern: "POST /api/admin/partners", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /api/admin/partners/{id}", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /api/admin/partners/{id}/fetch", Needs: PartnersChange, Audit: "partner"},
	{Pattern: "POST /api/admin/partners/{id}/keys", Needs: PartnersChange, StepUp: true, Audit: "key"},
	{Pattern: "POST /api/admin/partners/{id}/keys/{prefix}/revoke", Needs: PartnersChange, StepUp: true, Audit: "key"},
	{Pattern: "GET /api/admin/webhooks", Needs: WebhooksRead},
	{Pattern: "POST /api/admin/webhooks", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "GET /api/admin/webhooks/{id}", Needs: WebhooksRead},
	{Pattern: "POST /api/admin/webhooks/{id}", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/rotate", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/delete", Needs: WebhooksChange, StepUp: true, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/enable", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/disable", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/replay", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/resend", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/deliveries/{event}/resend", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "POST /api/admin/webhooks/{id}/ping", Needs: WebhooksChange, Audit: "webhook"},
	{Pattern: "GET /api/admin/webhooks/{id}/deliveries", Needs: WebhooksRead},
	{Pattern: "GET /api/admin/mail", Needs: UsersRead},
	{Pattern: "POST /api/admin/mail/{id}/resend", Needs: UsersChange, Audit: "mail"},
	{Pattern: "GET /api/notifications", Needs: OwnAccount},
	{Pattern: "POST /api/notifications/read", Needs: OwnAccount},
	{Pattern: "POST /api/notifications/{id}/read", Needs: OwnAccount},
	{Pattern: "GET /api/features", Needs: ShopRead},
	{Pattern: "POST /api/features/{name}/toggle", Needs: FeaturesChange, Audit: "feature"},
	{Pattern: "GET /api/admin/slo", Needs: InsightRead},
}
