package app

import (
	_ "github.com/returnkit/returnkit/orders/sqlstore/postgres" // the shop runs on both
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)
