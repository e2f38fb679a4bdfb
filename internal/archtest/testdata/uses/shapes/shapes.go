// Package shapes has names that say who needs them.
package shapes

type UsersSet string

// One of a set that is needed is written; the other is needed with it.
const (
	UsersSetOne UsersSet = "one"
	UsersSetTwo UsersSet = "two"
)

const (
	UsersBlockOne = "written"
	UsersBlockTwo = "in the block of one that is"
)

const NobodyConst = 1

// UsersType is written by the shop, and has methods.
type UsersType struct {
	Set   UsersSet
	Inner []*UsersField
	Store Store
}

// Store is handed on by the shop, which need not know what it keeps.
type Store interface{ Keep(StoresRow) }

type StoresRow struct{}

// UsersField is named in a field of a type that the shop writes.
type UsersField struct{}

func (UsersType) UsersMethod() {}

func (*UsersType) UsersRead([]byte) (int, error) { return 0, nil }

func (UsersType) UsersOwnInterface() {}

func (UsersType) StoresMethod() {}

type UsersInterface interface{ UsersOwnInterface() }

func UsersFunc() UsersResult { return UsersResult{} }

type UsersResult struct{}

func StoresFunc(StoresParam) {}

type StoresParam struct{}

func StoresSuite() {}

func TestsFunc() {}

func NobodyFunc() { NobodyType{}.NobodyMethod() }

type NobodyType struct{}

func (NobodyType) NobodyMethod() {}

// UsersExample is written in an example that is a module of its own.
func UsersExample() {}
