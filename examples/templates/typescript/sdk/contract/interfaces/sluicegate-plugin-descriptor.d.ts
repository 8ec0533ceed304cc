/// <reference path="./sluicegate-plugin-types.d.ts" />
declare module 'sluicegate:plugin/descriptor@1.0.0' {
  /**
   * Called at load, on an instance of its own: nothing it leaves behind reaches
   * `judge`. As the gateway must know the name before it knows the settings, it may
   * ask twice: first with no setting given, then with the operator's. An error then,
   * say for want of a setting, refuses the plugin and is shown to the operator.
   */
  export function describe(): Manifest;
  export type Manifest = import('sluicegate:plugin/types@1.0.0').Manifest;
}
