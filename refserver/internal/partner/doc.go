// Package partner takes in the product feeds of partners: lists of products as CSV, JSON or
// XML, sent with a partner's key or fetched from the partner's address on a schedule.
//
// A feed is stored before it is answered and executed in batches. Each batch commits its
// products together with the feed's progress. If a process dies, another one continues after
// the last batch, so that a feed ends complete and no product is duplicated.
//
// A product is known by its partner and the partner's own id for it: seen again it is
// updated. A row with a mistake is reported with its field and leaves the others alone.
//
// A format is a Format in a file of its own and a line in Formats.
package partner
