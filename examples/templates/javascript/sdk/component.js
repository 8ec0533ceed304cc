// What becomes the component: the plugin, and the gateway's functions for it.

import "./guest.js";

import { get } from "sluicegate:plugin/config@1.0.0";
import { log } from "sluicegate:plugin/logging@1.0.0";

import { host } from "./sdk.js";

export { descriptor, rules } from "../plugin.js";

// Only here, when the plugin is loaded: while it is built there is no gateway to call.
host.get = get;
host.log = log;
