import { ok } from '../kernel/result.js';
import { parseFilterPattern } from './filterpattern.js';
import type { LogsApi } from './logsapi.js';
import { LogsInput, type TextRule } from './logsinput.js';
import { groupIn, logsFailure } from './logsresource.js';
import type { LogStore } from './logstore.js';

const nameRule: TextRule = { min: 1, max: 512, pattern: '[^:*]*' };
const metricRule: TextRule = { max: 255, pattern: '[^:*$]*' };

type FilterOperations = Pick<
  LogsApi,
  | 'DeleteMetricFilter'
  | 'DeleteSubscriptionFilter'
  | 'DescribeMetricFilters'
  | 'DescribeSubscriptionFilters'
  | 'PutMetricFilter'
  | 'PutSubscriptionFilter'
  | 'TestMetricFilter'
>;

/**
 * Filters that deliver what is logged elsewhere. There is nowhere to deliver to: they are refused rather than stored
 * and ignored, after the checks of the service; no group has any.
 */
export function filterOperations(store: LogStore): FilterOperations {
  return {
    async PutSubscriptionFilter(caller, body) {
      const input = new LogsInput(body);
      const pattern = readFilter(input);
      input.text('destinationArn', { required: true, min: 1 });
      input.text('roleArn', { min: 1 });
      input.text('distribution', { values: ['Random', 'ByLogStream'] });
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      return badPattern(pattern) ?? refused('Subscription filters');
    },

    async PutMetricFilter(caller, body) {
      const input = new LogsInput(body);
      const pattern = readFilter(input);
      input.list('metricTransformations', { required: true, min: 1, max: 1 });
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      return badPattern(pattern) ?? refused('Metric filters');
    },

    async TestMetricFilter(_caller, body) {
      const input = new LogsInput(body);
      const pattern = input.text('filterPattern', { required: true, max: 1024 });
      const messages = input.texts('logEventMessages', { required: true, min: 1, max: 50, item: { min: 1 } });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      const parsed = parseFilterPattern(pattern!);
      if (!parsed.ok) return logsFailure('InvalidParameterException', parsed.failure);
      const matches = messages!.flatMap((eventMessage, eventNumber) =>
        parsed.value(eventMessage)
          ? [{ eventNumber, eventMessage, extractedValues: parsed.value.values?.(eventMessage) ?? {} }]
          : [],
      );
      return ok({ matches });
    },

    async DescribeSubscriptionFilters(caller, body) {
      const input = new LogsInput(body);
      readPage(input);
      const found = groupIn(store, caller, input);
      return found.ok ? ok({ subscriptionFilters: [] }) : found;
    },

    async DescribeMetricFilters(caller, body) {
      const input = new LogsInput(body);
      readPage(input);
      input.text('metricName', metricRule);
      input.text('metricNamespace', metricRule);
      if (input.has('logGroupName')) {
        const found = groupIn(store, caller, input);
        if (!found.ok) return found;
      }
      const failure = input.failure();
      return failure === null ? ok({ metricFilters: [] }) : { ok: false, failure };
    },

    async DeleteSubscriptionFilter(caller, body) {
      const input = new LogsInput(body);
      input.text('filterName', { ...nameRule, required: true });
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      return logsFailure('ResourceNotFoundException', 'The specified subscription filter does not exist.');
    },

    async DeleteMetricFilter(caller, body) {
      const input = new LogsInput(body);
      input.text('filterName', { ...nameRule, required: true });
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      return logsFailure('ResourceNotFoundException', 'The specified metric filter does not exist.');
    },
  };
}

function readFilter(input: LogsInput): string {
  input.text('filterName', { ...nameRule, required: true });
  return input.text('filterPattern', { required: true, max: 1024 }) ?? '';
}

function readPage(input: LogsInput): void {
  input.text('filterNamePrefix', nameRule);
  input.text('nextToken', { min: 1 });
  input.integer('limit', { min: 1, max: 50 });
}

function badPattern(pattern: string) {
  const parsed = parseFilterPattern(pattern);
  return parsed.ok ? null : logsFailure('InvalidParameterException', parsed.failure);
}

function refused(what: string) {
  return logsFailure('InvalidOperationException', `${what} are not available in this version of Hearth.`);
}
