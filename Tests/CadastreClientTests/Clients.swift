import CadastreClient
import CadastreTLS

func makeClient(
    _ addresses: [String],
    change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> CadastreClient {
    let credentials = FakePKI.service
    var configuration = ClientConfiguration(
        endpoints: addresses.compactMap { Endpoint($0) },
        cluster: FakePKI.cluster,
        files: .init(
            certificate: credentials.certificate,
            key: credentials.key,
            roots: credentials.roots
        )
    )
    configuration.tenant = Array("acme".utf8)
    configuration.deadline = .seconds(10)
    configuration.sessionSlots = 8
    change(&configuration)
    return try CadastreClient(configuration)
}

func bucket(_ number: Int) -> CreateBucket {
    CreateBucket(name: Array("bucket-\(number)".utf8))
}

func put(_ number: Int) -> PutObject {
    PutObject(bucket: Array("photos".utf8), key: Array("k\(number)".utf8), size: 1)
}
