package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// env stands in for a test: the helpers that start servers for tests start them
// for this program too, and stop them when it is closed.
type env struct {
	testing.TB // nil; only the methods below are used
	ctx        context.Context
	cleanups   []func()
	failed     []error
}

// with runs f, which may end itself as a test does.
func with(ctx context.Context, f func(env *env) error) error {
	e := &env{ctx: ctx}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for len(e.cleanups) > 0 {
				last := e.cleanups[len(e.cleanups)-1]
				e.cleanups = e.cleanups[:len(e.cleanups)-1]
				last()
			}
		}()
		err = f(e)
	}()
	<-done
	return errors.Join(append(e.failed, err)...)
}

func (e *env) Helper()                        {}
func (e *env) Context() context.Context       { return e.ctx }
func (e *env) Cleanup(f func())               { e.cleanups = append(e.cleanups, f) }
func (e *env) Errorf(format string, a ...any) { e.failed = append(e.failed, fmt.Errorf(format, a...)) }

func (e *env) Fatal(a ...any) {
	e.failed = append(e.failed, errors.New(fmt.Sprint(a...)))
	runtime.Goexit()
}

func (e *env) Fatalf(format string, a ...any) {
	e.Errorf(format, a...)
	runtime.Goexit()
}

func (e *env) Skip(a ...any) { e.Fatal(a...) }
