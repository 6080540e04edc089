/**
 * A certificate for localhost that signed itself, and its key, for servers of tests: everybody knows the key, and nobody else
 * trusts the certificate. Valid from 2020 to 2120; made by openssl, which a machine that runs the tests need not have.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBdDCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9uaW5lbGl2
ZXMgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBoxGDAW
BgNVBAMMD25pbmVsaXZlcyB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BEO44Hi5uFxEjaamPsmqVkmQ39b7vro0LHiPlHqHcTltFM8ppfUCKK87UBpR6nY4
tTHFGxhb97oyHsGtBjsDVgqjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMw
EYIJbG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBSeueMjEbx3x5uA/AhgMrLRBvNQ
/jAKBggqhkjOPQQDAgNJADBGAiEAj8dn9D+I9gn0hoVSQF2abeZbyPu+izDdRA4W
0Zg2DjwCIQDK1ZM2HSixGvsIKwadXp2sJ9nw0wdU9DcGjXXRDMqYmQ==
-----END CERTIFICATE-----
`

export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdo2fKMLG4NwC4dyg
Af6qxRLMB2G+vAP/VHP1SJbFFEehRANCAARDuOB4ubhcRI2mpj7JqlZJkN/W+766
NCx4j5R6h3E5bRTPKaX1AiivO1AaUep2OLUxxRsYW/e6Mh7BrQY7A1YK
-----END PRIVATE KEY-----
`
