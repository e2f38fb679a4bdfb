// Package refserver is imported by nobody.
package refserver
