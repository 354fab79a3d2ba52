import type { Sandbox } from './sandbox.js';

/**
 * Idle sandboxes of a pool in the order in which they became idle, linked through the sandboxes themselves: joining, leaving
 * from anywhere, the oldest and the newest are all one step, and nothing is allocated on the warm path.
 */
export class IdleList {
  oldest: Sandbox | null = null;
  newest: Sandbox | null = null;

  add(sandbox: Sandbox): void {
    const { newest } = this;
    sandbox.idleBefore = newest;
    sandbox.idleAfter = null;
    if (newest === null) this.oldest = sandbox;
    else newest.idleAfter = sandbox;
    this.newest = sandbox;
  }

  remove(sandbox: Sandbox): void {
    const { idleBefore, idleAfter } = sandbox;
    if (idleBefore === null) this.oldest = idleAfter;
    else idleBefore.idleAfter = idleAfter;
    if (idleAfter === null) this.newest = idleBefore;
    else idleAfter.idleBefore = idleBefore;
    sandbox.idleBefore = null;
    sandbox.idleAfter = null;
  }
}
