"""List what tokens begin with, and what follows, as their issuers document it.

A line of FORMATS is a name for the marker, what follows the beginning, and the beginnings. What
follows is a letter for its characters and how many there are at least (and at most):

    A letters and digits          W those, "_" and "-"      B base64, of both alphabets
    H hexadecimal digits          U capitals and digits     D those of W, dots, "=", "~"
    R those of W, and then up to three more parts behind dots

With "?" behind it, the rest has to read as random too, as the beginning alone says too little.
"""

FORMATS = """
1password-token B60-1000 ops_eyJ ops_eyj
1password-key W28-74 1PRK- A2- A3- A4- A5- A6- A7- A8- A9-
adafruit-key A24-40 aio_
adobe-secret W32-40 p8e-
age-key U40-90 AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1
ai71-key W36-40 ai71-api-
aikido-token A20-80 AIK_CI_ AIK_CLIENT_ AIK_SECRET_
alibaba-key A12-30 LTAI
anthropic-key W20-300 sk-ant-
apify-token A30-50 apify_api_ apify_proxy_
arcjet-key A20-40 ajkey_
artifactory-token A55-90 AKCp AKCP cmVmd
asaas-key W20-300 aact_
atlassian-token D20-300 ATATT3 ATCTT3 ATAT ATST ATOA ATBB
atlassian-token B20-400? ATCO
aws-access-key U16-40 AKIA ASIA ABIA ACCA A3T
aws-bedrock-key B60-400 ABSK bedrock-api-key-
axiom-token W36-40 xaat- xapt- xait-
azure-devops-token A76-90? AzDo
baidu-key A20-50 ALTAK
bitbucket-token B36-50 BBDC-
blynk-secret W28-60 oa2-client-id_ oa2-client-secret_
boundary-token A20-300? at_
brave-key W24-44? BSA
branch-key A16-80? key_live_ key_test_
browserbase-key W24-60 bb_live_ bb_test_
browseruse-key W32-60? bu_
builder-key H32 bpk-
buildkite-token W32-100 bkua_ bkaa_ bkar_ bkps_ bkpat_ bkct_ bkaj_ bkpt_
calcom-key A24-80? cal_live_ cal_test_ cal_
cartesia-key W15-60 sk_car_
canva-secret W44-60 cnvca
cerebras-key A40-60 csk-
cfxre-key W20-50 cfxk_
checkout-key W34-44? pk_ sk_test_ sk_sbox_ pk_sbox_
circleci-token W40-120 CCIPAT_ CCIPRJ_
clickhouse-key A38? 4b1d
clojars-token A60 CLOJARS_
cloudflare-key W40-90 cfut_ cfat_ cfk_
cloudsmith-key A30-60 csa_
cockroach-token W40-90 CCDB1_
coderabbit-key H50-70 cr-
composio-key W20-40? ak_ ck_ uak_
configcat-key B40-60 configcat-sdk-1/ configcat-sdk-2/
confluent-key B56-64 cflt
contentful-token W40-60 CFPAT-
coze-token A48-90 pat_
cratesio-token A32? cio
cursor-key A40-150 key_ crsr_
databento-key A26-40? db-
databricks-token H32 dapi dose dkea dsapi
datadog-key A30-48 ddapp_
definednetworking-key W60-200 dnkey-
deno-token A34-44 ddp_ ddo_ ddw_
devcycle-key W8-80 dvc_client_ dvc_mobile_ dvc_server_
devin-key B48-200? apk_ cog_
dify-key A20-40? app- dataset-
digitalocean-token H64 dop_v1_ doo_v1_ dor_v1_
dnsimple-token A30-60 dnsimple_a_ dnsimple_u_
docker-token W20-100 dckr_pat_ dckr_oat_
docker-swarm-token B40-120 SWMTKN-1- SWMKEY-1-
dryrun-token A30-50 dryrunsec_
dtrack-key A30-90? odt_
dub-key A20-40 dub_
duffel-token B20-60 duffel_test_ duffel_live_
e2b-key H40 e2b_
easypost-key A54-60 EZAK EZTK
ebay-key W28-50 PRD- SBX-
elastic-key B40-300 essu_
elevenlabs-key H40-60 sk_
secret-key W24-120? sk_
exoscale-key A24-30? EXO
facebook-token A20-300? EAA EAAC
figma-token W36-80 figd_ figo_ figu_ figr_
firecrawl-key H32 fc-
fireworks-key A20-40? fw_
fleetbase-key A20-90 flb_test_ flb_live_
flyio-token B50-4000 fm1_ fm1a_ fm1r_ fm2_
flutterwave-key W12-60 FLWSECK_TEST- FLWPUBK_TEST- FLWSECK- FLWPUBK-
frameio-token B50-90 fio-u-
friendli-token A36-80 flp_
gcnotify-key W70-120 gcntfy-
gcp-api-key W35-45 AIza
gcp-oauth-secret W24-60 GOCSPX-
github-token R16-600 ghp_ gho_ ghu_ ghs_ ghr_ github_pat_
gitlab-token R20-300 glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glsoat-
gitlab-token R20-300 glimt- glagent- glffct- gloas- glwt- GR1348941
grafana-token B32-400 glsa_ glc_ eyJrIjoi
groq-key A40-80 gsk_
guardsquare-token W30-60 gs_appsweep_
heartland-key A20-60 skapi_cert_ skapi_prod_ pkapi_cert_ pkapi_prod_
heroku-key W30-100 HRKU-
hex-token H60-120 hxtp_ hxtw_
hop-token W20-90? hop_pat_ ptk_
hubspot-token W36-46? pat-
huggingface-token A30-60 hf_ api_org_
infracost-key A30-40 ico-
inngest-key W40-90 signkey-
instagram-token W50-300? IGQV IGAA
intra42-secret H60-70 u-s4t2ud- s-s4t2ud- u-s4t2af- s-s4t2af-
ionic-token A40-60 ion_
iterative-token W26-80 isat_
jina-key W50-80 jina_
langchain-key W40-80 lsv2_ ls__
langfuse-key W36-40 sk-lf- pk-lf-
launchdarkly-key W36-40? api- sdk- mob-
lichess-token W15-70? lip_
linear-key A32-80 lin_api_ lin_oauth_
liveblocks-key W40-120 sk_prod_ sk_dev_
llamacloud-key A40-60 llx-
lob-key A24-60? live_ test_ live_pub_ test_pub_ live_auth_ test_auth_
localstack-key A14-40? LSIA LKIA ls-
mailgun-key H32 key- pubkey-
mappedin-key A20-60? mik_ mis_
mastra-key A30-80? msk_
mem0-key A24-50? m0-
mercadopago-token W50-200? APP_USR- TEST-
mercury-token W30-120 mercury_production_ mercury_sandbox_
mergify-key W38-90 mergify_application_key_
midtrans-key W10-40 Mid-server- Mid-client- SB-Mid-server- SB-Mid-client-
minimax-key W30-60 MINIMAX-
miro-token W50-300 eyJtaXJv
mintlify-key A20-40 mint_
modal-token A22-30? ak- as-
moneywave-key A28-40? ts_
mongodb-atlas-key A24-80 mdb_sa_sk_ mdb_sa_id_
neon-key A50-90 napi_
netbird-token A36-40 nbp_
netlify-token W36-60 nfp_ nfc_ nfo_ nfb_ nfu_
new-relic-key W19-64 NRAK- NRJS- NRII- NRRA- NRAA- NRIQ- NRSP-
nightfall-key A30-40 NF-
notion-token A40-60 ntn_
npm-token A36 npm_
nuget-key A43 oy2
nvidia-key W50-90 nvapi-
nylas-key W40-90 nyk_
octopus-key U25-36? API-
onesignal-key W60-130 os_v2_
openai-key W20-300 sk-proj- sk-svcacct- sk-admin- sk-None- sk-api- sk-car- sk-gamma-
openai-key W30-200? sk-
openrouter-key W20-100 sk-or-
openvsx-token W36-40 ovsxat_ ovsxp_
ory-token W24-80? ory_
packagist-token H30-90 packagist_ort_ packagist_out_ packagist_acs_ packagist_ack_ packagist_cut_
packagist-token H30-90 packagist_uut_
paddle-key W40-80 pdl_live_ pdl_sdbx_
pangea-token A28-40 pts_
perplexity-key A40-80 pplx-
permit-key A60-140 permit_key_
persona-key W20-90 persona_sandbox_ persona_production_
pinecone-key W50-90 pcsk_
pinterest-token W26-120 pina_ pinr_ pinc_
plaid-token W36-40 access-production- access-sandbox- access-development-
planetscale-token D32-80 pscale_tkn_ pscale_pw_ pscale_oauth_
polar-token W20-80 polar_
pollinations-key A20-50 plln_sk_ plln_pk_
portainer-token B36-60? ptr_
posthog-key W36-60 phx_ phc_ phs_ pha_ phr_
postman-key W26-64 PMAK- PMAT-
prefect-key A30-40 pnu_ pnb_
proof-key W20-90? prf_
pubnub-key W36-40 pub-c- sub-c- sec-c-
pulumi-token H40 pul-
pypi-token W30-300 pypi-AgE pypi-AgN
rainforest-key H60-70 apikey_
ramp-key A36-60 ramp_id_ ramp_sec_ ramp_tok_ ramp_business_tok_
razorpay-key A14-24 rzp_live_ rzp_test_
readme-key W60-80 rdme_
redirectpizza-token A28-60? rpa_
render-key A24-40? rnd_
replicate-token A37-40 r8_
resend-key W28-40? re_
riot-key W36-44 RGAPI-
robinhood-key W36-100 rh-api-
rootly-key H64 rootly_
rubygems-token A48 rubygems_
salad-key W16-80 salad_cloud_
salesforce-key D20-200 3MVG9
samsara-token A24-60 samsara_api_
scaleway-key U17? SCW
scalingo-token W40-60 tk-us-
seam-key W20-60 seam_
sendinblue-key W70-100 xkeysib- xsmtpsib-
sentry-token B40-400 sntrys_ sntryu_ sntrya_ sntryi_
settlemint-token W16-60 sm_pat_ sm_aat_ sm_sat_
shippo-token H40 shippo_live_ shippo_test_
shopify-token H32-64 shpat_ shpss_ shpca_ shppa_ shptka_ shpua_
shortcut-token W60-300 sct_r_ sct_w_ sct_rs_ sct_rw_ sct_rwa_
slack-token B10-300 xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xoxe.
slack-token W16-300 xapp- xwfp-
socket-token W30-90 sktsec_
sonar-token A36-44 sqa_ sqp_ squ_ sqb_
sourcegraph-token W40-90 sgp_ slk_ sgd_ sams_
sqreen-token H56-80 org_ env_org_
square-token B22-64? EAAA sq0atp- sq0csp- sq0idp-
stability-key A48 sk-
statsig-key A40-50? secret- client-
stripe-key W10-300 sk_live_ sk_test_ rk_live_ rk_test_ rk_prod_ pk_live_ pk_test_
stytch-key W34-40 secret-live- secret-test- project-live- project-test-
supabase-token W20-80 sbp_ sb_secret_ sb_publishable_
tailscale-key W20-60 tskey-
tavily-key W20-60 tvly-
telnyx-key W50-60? KEY
tencent-key A13-44? AKID
testkube-token A16-80 tkcapi_ tkcorg_ tkcenv_
thunderstore-token W20-90 tss_
tigris-key B40-90? tid_ tsec_
together-key W36-50 tgp_v1_
tolgee-key A40-64 tgpak_ tgpat_
trendmicro-key A26-32:[A-Za-z0-9]{60,70} tmc1
trigger-key A16-60 tr_dev_ tr_prod_ tr_stg_ tr_pat_
twilio-key H32 SK AC
typeform-token D40-80 tfp_
ubidots-token A28-44 BBUS- BBFF-
unkey-key A10-60? unkey_ key_
upcloud-token A24-30 ucat_
valtown-token W20-90 vtwn_
vercel-token W48-64 vcp_ vci_ vca_ vcr_ vck_
volcengine-key W30-60 AKLT
voyage-key W40-48? pa- al-
wakatime-key W36-70 waka_
wandb-key W60-90 wandb_v1_
warpstream-key H64 aks_
webhook-secret B24-100 whsec_
wepay-token H56-70 STAGE_ PRODUCTION_
woocommerce-key H40 cs_ ck_
workato-token R8-600 wrka
xai-key W60-120 xai-
xata-key A30-40 xau_
xendit-key A40-90 xnd_production_ xnd_development_ xnd_public_
yahoo-key W56-120 dj0y
yandex-token W30-200? y0_ y1_ y2_ y3_ AQVN YCAJ YCM YCP
zapier-key W40-90 sk-ak-
zuplo-key W36-50 zpka_
base64-private-key B60-8000 LS0tLS1CRUdJTiBQ LS0tLS1CRUdJTiBSU0Eg LS0tLS1CRUdJTiBFQyBQ
base64-private-key B60-8000 LS0tLS1CRUdJTiBPUEVO LS0tLS1CRUdJTiBFTkNS LS0tLS1CRUdJTiBEU0Eg
"""
