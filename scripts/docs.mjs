// `npm run docs`: the reference of every public name, by TypeDoc, as HTML in out/reference. With --check only whether it is
// whole: every name is documented, every type that a public one mentions is public, every link leads somewhere.
import { join } from 'node:path';
import process from 'node:process';
import { Application, Comment, ReflectionKind } from 'typedoc';
import { main, root, StepError, say } from './common.mjs';

// Types that public ones are made of, and that say nothing to a reader.
const INTERNAL = [
  'AdamKind',
  'Connected',
  'CustomGradient',
  'DecayArguments',
  'Fn', // of gradcheck
  'NumberArray',
  'Opaque',
  'Targets',
  'Tensor',
  'Unconnected',
  'Unsaid',
  'Values',
];

const OPTIONS = {
  name: 'gradtape',
  entryPoints: ['lib/index.ts', 'lib/gradcheck.ts'].map((file) => join(root, file)),
  tsconfig: join(root, 'tsconfig.build.json'),
  readme: join(root, 'README.md'),
  projectDocuments: [join(root, 'docs', 'guide', '*.md')],
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  disableSources: true,
  // README's links to files that are no pages.
  validation: { notExported: true, invalidLink: true, invalidPath: false, rewrittenLink: true, notDocumented: false },
  intentionallyNotExported: INTERNAL,
};

/** Ops are methods, too: a method without words of its own has a link to the function. */
function explainMethods(project) {
  const index = project.children.find(({ name }) => name === 'index');
  const methods = index.getChildByName(['TensorMethods']).children.map(({ name }) => name);
  for (const owner of ['TensorMethods', 'Tensor', 'Variable', 'IndexedSlices']) {
    for (const name of methods) {
      const method = index.getChildByName([owner, name]);
      const op = index.getChildByName([name]) ?? index.getChildByName(['nn', name]);
      for (const part of method && op ? (method.signatures ?? [method]) : []) {
        part.comment ??= new Comment([
          { kind: 'text', text: 'As the function ' },
          { kind: 'inline-tag', tag: '@link', text: op.name, target: op },
          { kind: 'text', text: ', of this as its first argument.' },
        ]);
      }
    }
  }
}

const DOCUMENTED =
  ReflectionKind.Variable |
  ReflectionKind.Function |
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Property |
  ReflectionKind.Method |
  ReflectionKind.Accessor;

/** The names without a word of what they are. What a function returns is said by the function. */
function undocumented(project) {
  return Object.values(project.reflections).filter((reflection) => {
    if (!reflection.kindOf(DOCUMENTED) || reflection.getFullName().includes('__type')) return false;
    if (reflection.flags.isExternal || reflection.inheritedFrom) return false;
    const owners = [
      reflection,
      ...(reflection.signatures ?? []),
      ...(reflection.getSignature ? [reflection.getSignature] : []),
    ];
    const inner = reflection.type?.declaration?.signatures ?? [];
    return ![...owners, ...inner].some(({ comment }) => comment?.hasVisibleComponent());
  });
}

await main(async () => {
  const app = await Application.bootstrap(OPTIONS);
  const project = await app.convert();
  if (!project) throw new StepError('TypeDoc cannot read lib');
  explainMethods(project);
  app.validate(project);
  const bare = undocumented(project).map((reflection) => reflection.getFullName());
  for (const name of bare) app.logger.warn(`${name} has no documentation`);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new StepError('the reference is not whole');
  if (process.argv.includes('--check')) return;
  await app.generateDocs(project, join(root, 'out', 'reference'));
  say('out/reference/index.html');
});
