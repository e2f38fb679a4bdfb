// Package event imports nothing.
package event
