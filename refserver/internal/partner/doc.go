// Package partner takes in the product feeds of partners: lists of products as CSV, JSON or
// XML, sent with a partner's key or fetched from the partner's address on a schedule.
//
// A feed is stored before it is answered and executed in batches. Each batch commits its
// products together with how far the feed is. A process that dies in the middle is
// followed by another, which continues after the last batch, so that a feed ends complete and
// no product is doubled.
//
// A product is known by its partner and the partner's own id for it: seen again it is
// updated. A row with a mistake is reported with its field and leaves the others alone.
//
// A format is a Format in a file of its own and a line in Formats.
package partner
