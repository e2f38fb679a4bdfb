package main

import (
	"reflect"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/openapi/apidocs"
)

func TestThePageIsThatOfTheDocument(t *testing.T) {
	want, err := pageOf()
	if err != nil {
		t.Fatal(err)
	}
	got, err := apidocs.Read()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("page.json is not what the document says; run go generate ./refserver/internal/openapi/apidocs")
	}
}
