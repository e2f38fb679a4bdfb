//go:build race

package photo

func init() { racing = true }
