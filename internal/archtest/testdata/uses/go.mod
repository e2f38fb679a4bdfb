module github.com/returnkit/returnkit

go 1.26.0
