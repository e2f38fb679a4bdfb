// Package orders names an internal type in each way there is.
package orders

import "github.com/returnkit/returnkit/internal/helper"

// Ways to name it.
type (
	// Alias is an alias.
	Alias = helper.Handle
	// Constraint has a type parameter.
	Constraint[T interface{ ~[]helper.Handle }] struct{}
	// Embeds embeds it.
	Embeds struct{ helper.Handle }
	// Field has a field.
	Field struct{ Handle *helper.Handle }
	// Generic is an instance.
	Generic struct{ List List[helper.Handle] }
	// Iface has a method.
	Iface interface{ Get() <-chan helper.Handle }
	// Map has it below a key.
	Map map[string][]helper.Handle
	// Method has a method.
	Method struct{}
	// Promoted has the methods of a hidden type.
	Promoted struct{ hidden }
	// List is innocent.
	List[T any] []T
	// Innocent keeps it to itself.
	Innocent struct{ handle helper.Handle }
)

type hidden struct{}

// Open returns it.
func (hidden) Open() (helper.Handle, error) { return helper.Handle{}, nil }

// Set takes it.
func (Method) Set(...helper.Handle) {}

func (Innocent) get() helper.Handle { return helper.Handle{} }

// Func takes a function of it.
func Func(func(helper.Handle) error) {}

// Var is one.
var Var = helper.Handle{}
