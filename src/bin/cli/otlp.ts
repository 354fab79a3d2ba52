import type { Argv } from 'yargs';
import { type OtlpSettings, OtlpSettingsError, otlpSettings } from '../../adapters/otlp/settings.js';
import { CommandError } from './terminal.js';

/** The option that sends traces to a collector; OpenTelemetry's own variables do, too. */
export function otlpOptions<Options>(command: Argv<Options>) {
  return command.option('otlp', {
    type: 'string',
    describe: 'OpenTelemetry collector that gets a trace of each invocation (default: OTEL_EXPORTER_OTLP_ENDPOINT)',
    requiresArg: true,
  });
}

/** Null: traces are not exported. Throws CommandError for what cannot be. */
export function otlpOf({ otlp }: { readonly otlp?: string | undefined }): OtlpSettings | null {
  try {
    return otlpSettings(process.env, otlp ?? null);
  } catch (error) {
    if (error instanceof OtlpSettingsError) throw new CommandError(error.message, 64);
    throw error;
  }
}
