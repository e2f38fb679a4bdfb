// Package notice notifies customers of changes to their returns, refunds and orders, and staff
// of work that waits for them.
//
// Notices are made of the shop's events. [Service.Note] keeps the few that matter in the
// transaction that fans them out, and [Service.Work] makes notices of them, once for each
// person and event. They are in the database, so that all processes show the same; [Hub] says
// when the notices of a user have changed.
package notice
