// A Vendure in memory, with API keys.   node vendure.js FOLDER-WITH-NODE_MODULES PORT
process.env.VENDURE_DISABLE_TELEMETRY = 'true'; // nothing goes out, and no file of it stands in this folder
const [folder, port] = process.argv.slice(2);
const core = require(require.resolve('@vendure/core', { paths: [folder] }));

core
  .bootstrap({
    apiOptions: { hostname: '127.0.0.1', port: Number(port), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
      tokenMethod: ['bearer', 'api-key'],
      superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    },
    dbConnectionOptions: { type: 'sqljs', synchronize: true },
    paymentOptions: { paymentMethodHandlers: [core.dummyPaymentHandler] },
    logger: new core.DefaultLogger({ level: core.LogLevel.Error }),
  })
  .catch((problem) => {
    console.error(problem);
    process.exit(1);
  });
