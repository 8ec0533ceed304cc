/// <reference path="./interfaces/sluicegate-plugin-config.d.ts" />
/// <reference path="./interfaces/sluicegate-plugin-descriptor.d.ts" />
/// <reference path="./interfaces/sluicegate-plugin-logging.d.ts" />
/// <reference path="./interfaces/sluicegate-plugin-rules.d.ts" />
/// <reference path="./interfaces/sluicegate-plugin-types.d.ts" />
declare module 'sluicegate:plugin/plugin@1.0.0' {
  export type * as SluicegatePluginConfig100 from 'sluicegate:plugin/config@1.0.0'; // import sluicegate:plugin/config@1.0.0
  export type * as SluicegatePluginLogging100 from 'sluicegate:plugin/logging@1.0.0'; // import sluicegate:plugin/logging@1.0.0
  export type * as SluicegatePluginTypes100 from 'sluicegate:plugin/types@1.0.0'; // import sluicegate:plugin/types@1.0.0
  export * as descriptor from 'sluicegate:plugin/descriptor@1.0.0'; // export sluicegate:plugin/descriptor@1.0.0
  export * as rules from 'sluicegate:plugin/rules@1.0.0'; // export sluicegate:plugin/rules@1.0.0
}
