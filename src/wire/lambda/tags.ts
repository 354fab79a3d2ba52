/** Tags of any resource, by its ARN. */

import { operation } from './operation.js';
import { list, query, required, string, structure, uri } from './schema.js';
import { TagKey, Tags } from './shapes.js';

export const TaggableResource = string({
  min: 1,
  max: 10000,
  pattern:
    'arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})',
});

export const tagOperations = {
  TagResource: operation({
    group: 'core',
    method: 'POST',
    path: '/2017-03-31/tags/{Resource}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      Resource: uri(TaggableResource),
      Tags: required(Tags),
    }),
    output: null,
  }),
  UntagResource: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2017-03-31/tags/{Resource}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      Resource: uri(TaggableResource),
      TagKeys: required(query(list(TagKey), 'tagKeys')),
    }),
    output: null,
  }),
  ListTags: operation({
    group: 'core',
    method: 'GET',
    path: '/2017-03-31/tags/{Resource}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      Resource: uri(TaggableResource),
    }),
    output: structure({
      Tags: Tags,
    }),
  }),
} as const;
