// Package export_sluicegate_plugin_descriptor is where the generated code looks for what the plugin exports.
package export_sluicegate_plugin_descriptor

import (
	wit "go.bytecodealliance.org/pkg/wit/types"

	plugin "example.com/my-plugin"
	contract "example.com/my-plugin/bindings/sluicegate_plugin_types"
)

// Describe says what the plugin is.
func Describe() wit.Result[contract.Manifest, string] {
	manifest, err := plugin.Plugin.Describe()
	if err != nil {
		return wit.Err[contract.Manifest](err.Error())
	}
	return wit.Ok[contract.Manifest, string](manifest)
}
