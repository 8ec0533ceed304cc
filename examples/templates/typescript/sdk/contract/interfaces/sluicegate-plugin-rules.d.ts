/// <reference path="./sluicegate-plugin-types.d.ts" />
declare module 'sluicegate:plugin/rules@1.0.0' {
  /**
   * Judge some records that came with one request. A lone record is a list of
   * one.
   * 
   * The gateway calls as often, on as many instances and with as many records at
   * a time as it likes, so state kept between calls is a cache at best. A trap,
   * too much time or a wrong number of verdicts counts as a fault of the plugin:
   * the instance is thrown away, and the records are tried again in smaller parts
   * until the ones at fault are found.
   */
  export function judge(request: Request, items: Array<Item>): Judgement;
  export type Request = import('sluicegate:plugin/types@1.0.0').Request;
  export type Item = import('sluicegate:plugin/types@1.0.0').Item;
  export type Judgement = import('sluicegate:plugin/types@1.0.0').Judgement;
}
