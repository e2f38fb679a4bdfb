package main

import (
	"fmt"
	"runtime/debug"
)

// Stamped by the image build: -ldflags "-X main.version=... -X main.revision=...".
var (
	version  = "dev"
	revision = ""
)

type versionCommand struct{}

// Run prints what was built, from what, with which Go.
func (versionCommand) Run(p *process) error {
	v, rev := version, revision
	goVersion := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && rev == "" {
				rev = s.Value
			}
		}
	}
	if rev == "" {
		rev = "unknown"
	}
	fmt.Fprintf(p.stdout, "refserver %s, revision %s, %s\n", v, rev, goVersion)
	return nil
}
