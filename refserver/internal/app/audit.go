package app

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/worker"
)

// recordAccount puts a change of an account into the audit, and mails its owner where
// security needs it, in the transaction of the change where there is one.
func (s *App) recordAccount(ctx context.Context, tx bun.IDB, c auth.Change) error {
	if err := appendAccount(ctx, s.Audit, tx, c); err != nil || s.Mailing == nil {
		return err
	}
	if m, ok := accountMail(c); ok {
		return s.Mailing.Add(ctx, tx, m)
	}
	return nil
}

func appendAccount(ctx context.Context, log *audit.Log, tx bun.IDB, c auth.Change) error {
	e := audit.Entry{
		Type: c.Type, SubjectKind: "account", SubjectID: c.Subject.ID, SubjectName: c.Subject.Username,
		Details: c.Details,
	}
	if c.Type == auth.ChangeSignedIn { // and not the user who was signed in before
		e.ActorID, e.ActorName, e.ActorRole = c.Subject.ID, c.Subject.Username, string(c.Subject.Role)
	}
	return log.Append(ctx, tx, e)
}

// recordSettings puts the settings that this process starts with into the
// audit: those that are not their default, and of secrets only that they are set.
func (s *App) recordSettings(ctx context.Context) error {
	details := map[string]string{"process": worker.Host("")}
	v, t := reflect.ValueOf(s.Config), reflect.TypeFor[config.Config]()
	for i := range t.NumField() {
		name, value := t.Field(i).Tag.Get("env"), fmt.Sprint(v.Field(i).Interface())
		if name != "" && value != t.Field(i).Tag.Get("envDefault") {
			details[name] = value
		}
	}
	err := s.Audit.Append(ctx, nil, audit.Entry{Type: "settings.used", SubjectKind: "settings", Details: details})
	if err != nil {
		return fmt.Errorf("recording the settings: %w", err)
	}
	return nil
}

// VerifyAudit checks the audit in the database that the settings name. It
// changes nothing.
func VerifyAudit(ctx context.Context, c config.Config) (_ []audit.Day, err error) {
	db, err := openDB(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkSchema(ctx, db); err != nil {
		return nil, err
	}
	return audit.New(db, nil, nil).Verify(ctx)
}
