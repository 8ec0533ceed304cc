declare module 'sluicegate:plugin/config@1.0.0' {
  /**
   * The same answer for the lifetime of the instance: when the settings change,
   * the plugin is loaded anew.
   */
  export function get(key: string): string | undefined;
}
