package scenarios

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// fresh returns the setting of a database of its own, which is empty: one that is made on the
// server of the run's database and dropped with the bench. With SQLite each folder has one.
func (b *bench) fresh() (setting string, err error) {
	if b.DatabaseURL == "" {
		return "DATABASE_URL=", nil
	}
	address, err := url.Parse(b.DatabaseURL)
	if err != nil {
		return "", fmt.Errorf("the address of the database: %w", err)
	}
	name := "scenario_" + strings.ToLower(rand.Text())
	if err := b.onServer(b.ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database for the scenario: %w", err)
	}
	b.closers = append(b.closers, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 30*time.Second)
		defer cancel()
		return b.onServer(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	})
	address.Path = "/" + name
	return "DATABASE_URL=" + address.String(), nil
}

// onServer runs a statement of our own on the run's database.
func (b *bench) onServer(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, b.DatabaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}
