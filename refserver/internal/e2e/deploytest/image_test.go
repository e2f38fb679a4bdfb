//go:build deploy

package deploytest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestTheImageIsSmallRootlessStampedAndReproducible(t *testing.T) {
	need(t)
	image := "returnkit/refserver:build-test"
	cmd := exec.Command("docker", "build", "-f", filepath.Join(deploy, "Dockerfile"), "-t", image,
		"--build-arg", "VERSION=test", "--build-arg", "REVISION="+revision, filepath.Join(deploy, "..", ".."))
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", image).Run() })

	// The same sources, built outside of any container.
	here := filepath.Join(t.TempDir(), "refserver")
	build := exec.Command(
		"go",
		"build",
		"-trimpath",
		"-ldflags",
		"-s -w -buildid= -X main.version=test -X main.revision="+revision,
		"-o",
		here,
		"./refserver",
	)
	build.Dir = filepath.Join(deploy, "..", "..")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	build.Env = append(
		os.Environ(),
		"CGO_ENABLED=0",
		"GOFLAGS=-buildvcs=false",
		"GOCACHE="+filepath.Join(cache, "returnkit-image-build"),
	)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	inside := binaryDigest(t, image)
	if outside := fileDigest(t, here); inside != outside {
		t.Errorf("two builds of the same sources gave the binaries %s and %s", inside, outside)
	}
	t.Logf("binary sha256 %s, built twice", inside)
	size, err := strconv.Atoi(docker(t, "image", "inspect", "-f", "{{.Size}}", image))
	if err != nil || size >= 63_000_000 {
		t.Errorf("the image has %d bytes (%v); less than 63 MB are allowed", size, err)
	}
	t.Logf("image size %.1f MB", float64(size)/1e6)
	if user := docker(t, "image", "inspect", "-f", "{{.Config.User}}", image); user != "65532:65532" {
		t.Errorf("the image runs as %q", user)
	}
	if said := docker(t, "run", "--rm", "--network", "none", image, "version"); !strings.Contains(
		said,
		"refserver test, revision "+revision,
	) {
		t.Errorf("version says %q", said)
	}
	shell := exec.Command("docker", "run", "--rm", "--entrypoint", "/bin/sh", image, "-c", "true")
	if out, err := shell.CombinedOutput(); err == nil {
		t.Errorf("there is a shell in the image: %s", out)
	}
	if env := docker(t, "image", "inspect", "-f", "{{.Config.Env}}", image); strings.Contains(env, "SECRET") ||
		strings.Contains(env, "PASSWORD") {
		t.Errorf("the image holds secrets: %s", env)
	}
}

// binaryDigest is the SHA-256 of the binary in an image.
func binaryDigest(t *testing.T, image string) string {
	t.Helper()
	id := docker(t, "create", image)
	defer docker(t, "rm", "-v", id)
	to := filepath.Join(t.TempDir(), "refserver")
	docker(t, "cp", id+":/refserver", to)
	return fileDigest(t, to)
}

func fileDigest(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
