import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  DeleteEventSourceMappingCommand,
  type EventSourceMappingConfiguration,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  type UpdateEventSourceMappingCommandInput,
} from '@aws-sdk/client-lambda';
import { differences, type Handler, orNull, unknown } from '../converge.js';
import { type Properties, textOf, type Value } from '../model.js';

/** Fixed when the mapping is made. */
const fixed = [
  'EventSourceArn',
  'FunctionName',
  'StartingPosition',
  'StartingPositionTimestamp',
  'Tags',
  'Queues',
  'Topics',
];

/** AWS::Lambda::EventSourceMapping; a function has one per source. */
export const eventSourceHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const FunctionName = textOf(properties.FunctionName, `${where}.FunctionName`);
    const EventSourceArn = textOf(properties.EventSourceArn, `${where}.EventSourceArn`);
    const listed = await orNull(
      around.lambda.send(new ListEventSourceMappingsCommand({ FunctionName, EventSourceArn })),
    );
    const found = listed?.EventSourceMappings?.[0] ?? null;
    const { Enabled, ...rest } = properties;
    const changeable = Object.fromEntries(Object.entries(rest).filter(([name]) => !fixed.includes(name)));
    const wanted = { ...changeable, Enabled: Enabled === undefined ? true : Enabled === true || Enabled === 'true' };
    const changed =
      found === null ? [EventSourceArn] : differences(comparable(found, changeable as Properties), wanted);
    let id = found?.UUID ?? unknown(logicalId, 'Id');
    if (!around.planning && found === null) {
      const input = { ...rest, ...wanted, FunctionName, EventSourceArn, Tags: undefined };
      const made = await around.lambda.send(
        new CreateEventSourceMappingCommand(input as unknown as CreateEventSourceMappingCommandInput),
      );
      id = made.UUID as string;
    } else if (!around.planning && changed.length > 0) {
      const input = { UUID: id, FunctionName, ...wanted } as unknown as UpdateEventSourceMappingCommandInput;
      await around.lambda.send(new UpdateEventSourceMappingCommand(input));
    }
    return {
      change: found === null ? 'create' : changed.length > 0 ? 'update' : 'none',
      details: changed,
      ref: id,
      attributes: { Id: id },
      identity: { UUID: id },
    };
  },
  remove: async ({ UUID }, { lambda }) => {
    await orNull(lambda.send(new DeleteEventSourceMappingCommand({ UUID })));
  },
};

function comparable(found: EventSourceMappingConfiguration, wanted: Properties): Record<string, Value | undefined> {
  const current = found as unknown as Record<string, Value | undefined>;
  return {
    ...Object.fromEntries(Object.keys(wanted).map((name) => [name, current[name]])),
    Enabled:
      found.State === 'Enabled' ||
      found.State === 'Enabling' ||
      found.State === 'Creating' ||
      found.State === 'Updating',
  };
}
