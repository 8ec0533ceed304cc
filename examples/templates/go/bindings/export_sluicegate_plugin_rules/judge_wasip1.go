// Package export_sluicegate_plugin_rules is where the generated code looks for what the plugin exports.
package export_sluicegate_plugin_rules

import (
	plugin "example.com/my-plugin"
	contract "example.com/my-plugin/bindings/sluicegate_plugin_types"
)

// Judge judges the records of a call.
func Judge(request contract.Request, items []contract.Item) contract.Judgement {
	return plugin.Plugin.Judge(&request, items)
}
