// Command refserver is a complete shop built on the packages of returnkit:
// it sells, takes returns, and pays refunds exactly once.
//
//	refserver                 serve the shop (the same as refserver serve)
//	refserver migrate         bring the database to the newest version
//	refserver paysim          run the payment simulator as a process of its own
//	refserver healthcheck     exit 0 when the shop is well
//	refserver load            drive a running shop with checkouts, and report
//	refserver scenarios [ID]  exercise and measure the quality scenarios
//	refserver record FILE     pass requests on to a shop and record them
//	refserver play FILE       send recorded requests to a shop, and compare the answers
//	refserver backup DIR      copy the database and the photos, while it runs
//	refserver restore DIR     make a shop of such a copy
//	refserver settings check  check the settings and start nothing
//	refserver permissions     list all routes with the roles that may use them
//	refserver audit verify    check that nothing in the audit was changed or removed
//	refserver account remove-second-factor USERNAME  for who has lost it
//	refserver help settings   list all settings
//	refserver help COMMAND    show the flags of a command
//	refserver version         what was built, and from what
//
// Settings come from the environment and an optional .env file;
// docs/settings.md lists them. Logs go to standard output, as text on a
// terminal and as JSON elsewhere; messages to people go to standard error. A
// command line that makes no sense exits with 2, all other failures with 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // DEFAULT_TIMEZONE works in images without a zone database

	"github.com/alecthomas/kong"

	"github.com/returnkit/returnkit/refserver/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(os.Stderr, "refserver:", line)
		}
		os.Exit(exitCode(err))
	}
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

// Unwrap returns what is wrong with it.
func (e usageError) Unwrap() error { return e.error }

// exitCode returns what the process ends with after err.
func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

// commands are the subcommands with their flags.
type commands struct {
	EnvFile string `help:"File of settings that the environment leaves out; may be missing." default:".env" type:"path"`

	Serve       serveCommand       `cmd:"" default:"1" help:"Serve the shop (default)."`
	Migrate     migrateCommand     `cmd:"" help:"Migrate the database to the newest version."`
	Paysim      paysimCommand      `cmd:"" help:"Run the payment provider simulator as a process of its own."`
	Healthcheck healthcheckCommand `cmd:"" help:"Check the health of a running shop; exit 0 when it is healthy."`
	Load        loadCommand        `cmd:"" help:"Load a running shop with checkouts in an open loop and report."`
	Scenarios   scenariosCommand   `cmd:"" help:"Measure the quality scenarios; exit 1 when one is not fulfilled."`
	Record      recordCommand      `cmd:"" help:"Forward requests to a shop and record them."`
	Play        playCommand        `cmd:"" help:"Replay recorded requests to a shop and compare the answers."`
	Backup      backupCommand      `cmd:"" help:"Back up the database and the photos of a shop, running or not."`
	Restore     restoreCommand     `cmd:"" help:"Restore a backup where there is no shop yet."`
	Settings    settingsCommand    `cmd:"" help:"List the settings, or check them."`
	Permissions permissionsCommand `cmd:"" help:"List the routes with the roles that may use them."`
	Audit       auditCommand       `cmd:"" help:"Check the audit."`
	Account     accountCommand     `cmd:"" help:"Restore access to an account."`
	Help        helpCommand        `cmd:"" help:"Show help for a command, or list the settings."`
	Version     versionCommand     `cmd:"" help:"Print the version and the revision it was built from."`
}

// process is what a command may use of the process it runs in.
type process struct {
	ctx            context.Context
	environ        []string
	envFile        string
	stdout, stderr io.Writer
}

// config reads the settings of a shop that this process runs or changes, and
// warns of names that are none.
func (p *process) config() (config.Config, error) {
	for _, line := range config.Unknown(p.environ, p.envFile) {
		fmt.Fprintln(p.stderr, "refserver: warning:", line)
	}
	return config.Load(p.environ, p.envFile)
}

// clientConfig reads the settings of a shop that this process calls.
func (p *process) clientConfig() (config.Config, error) { return config.Read(p.environ, p.envFile) }

// Run runs the command that args name until it is done or ctx ends. It
// touches nothing of the process but what it is given, so tests call it.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	var c commands
	exited := false
	parser, err := kong.New(
		&c,
		kong.Name("refserver"),
		kong.Description(
			"A complete shop built on the packages of returnkit. Settings come from the environment and the .env file.",
		),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }), // after --help
	)
	if err != nil {
		return fmt.Errorf("preparing the command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return usageError{fmt.Errorf("%w; see refserver help", err)}
	}
	return parsed.Run(&process{ctx: ctx, environ: environ, envFile: c.EnvFile, stdout: stdout, stderr: stderr})
}
