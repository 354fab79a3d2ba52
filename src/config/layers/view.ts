import type { Output } from '../../wire/lambda/operations.js';
import { base64, timestamp } from '../view.js';
import { type LayerId, layerArn } from './arns.js';
import type { LayerVersionRecord } from './table.js';

type Item = NonNullable<Output<'ListLayerVersions'>['LayerVersions']>[number];

/** A layer version as lists show it. Absent members are absent, never empty. */
export function itemView(id: LayerId, record: LayerVersionRecord): Item {
  return {
    LayerVersionArn: layerArn(id, record.version),
    Version: record.version,
    Description: record.description,
    CreatedDate: timestamp(record.createdMs),
    // Published with these very values, which the wire has checked.
    ...(record.architectures === null ? {} : { CompatibleArchitectures: record.architectures as never }),
    ...(record.runtimes === null ? {} : { CompatibleRuntimes: record.runtimes as never }),
    ...(record.licenseInfo === null ? {} : { LicenseInfo: record.licenseInfo }),
  };
}

/** A layer version with its content. */
export function layerVersionView(id: LayerId, record: LayerVersionRecord, location: string): Output<'GetLayerVersion'> {
  const { sha256Hex, zipBytes } = record.code;
  return {
    Content: { Location: location, CodeSha256: base64(sha256Hex), CodeSize: zipBytes },
    LayerArn: layerArn(id),
    ...itemView(id, record),
  };
}
