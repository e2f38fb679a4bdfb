package main

import (
	"context"
	"encoding/json"
)

// vault keeps data in memory and changes it by transactions: one at a time, each whole or not
// at all. A database does this for you.
type vault[D any] struct {
	turn chan struct{} // holds one token: who has it may touch data
	data D
	copy func(D) D
}

func newVault[D any](data D, copy func(D) D) *vault[D] {
	return &vault[D]{turn: make(chan struct{}, 1), data: data, copy: copy}
}

// view runs f on the data, which it must not change.
func (v *vault[D]) view(ctx context.Context, f func(D) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-v.turn }()
	return f(v.data)
}

// update runs f on a copy of the data, and keeps the copy if f returns nil.
func (v *vault[D]) update(ctx context.Context, f func(D) error) error {
	return v.view(ctx, func(now D) error {
		next := v.copy(now)
		if err := f(next); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		v.data = next
		return nil
	})
}

// fresh returns a copy that shares no memory with v: what goes in and out of a store. The
// exported fields are all that there is to keep.
func fresh[T any](v T) T {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data has no value that JSON lacks
	}
	var out T
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}
