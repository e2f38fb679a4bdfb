package sqlstoretest

import (
	_ "github.com/returnkit/returnkit/orders/sqlstore/postgres" // both databases
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)
