// Command component is what is compiled to WebAssembly: the rules and what ties them to the gateway.
package main

import _ "example.com/my-plugin/bindings/wit_exports"

// A plugin has no main: the gateway calls it.
func main() {}
