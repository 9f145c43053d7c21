module github.com/understudy-go/understudy

go 1.26.0

require golang.org/x/sys v0.49.0
