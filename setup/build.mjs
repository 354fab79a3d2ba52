// npm run build: dependencies, native parts and TypeScript, without starting anything.
import { prepare } from './prepare.mjs';

await prepare(['run']);
