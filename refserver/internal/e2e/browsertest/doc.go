// Package browsertest walks the main job of the shop in a real browser: sign
// in, buy, request a return with a photo, authorize, ship, receive, inspect,
// refund. It runs headless Chromium, on both databases, at the width of a desk
// and of a phone. Screenshots go to the folder SCREENSHOTS names, or to one
// that ends with the test. Without Chromium the tests are skipped, or fail
// with REQUIRE_ALL=1.
package browsertest
