module example.com/my-plugin

go 1.25.0

require go.bytecodealliance.org/pkg v0.2.3
