module github.com/returnkit/returnkit

go 1.26.0

require github.com/uptrace/bun v0.0.0

replace github.com/uptrace/bun => ./bun
