import CadastreProtocol
import Testing

@Suite
struct PolicyCheckTests {
    @Test(arguments: [
        PolicyDescription(allowedCountries: ["France"]),
        PolicyDescription(allowedCountries: ["fr", "be"]),
        PolicyDescription(allowedCountries: Array(repeating: "fr", count: 10_000)),
        PolicyDescription(preferredLeaders: ["/"]),
        PolicyDescription(allowedCountries: ["fr"], preferredLeaders: ["be"]),
    ])
    func `a policy that cannot be is refused where it is decoded`(_ policy: PolicyDescription) {
        let change = PolicyChange(from: PolicyDescription(), to: policy)
        let bytes = AdministrationRequest.setPolicy(change, isDryRun: false).encode()
        let error = #expect(throws: ProtocolError.self) {
            _ = try AdministrationRequest(decoding: bytes)
        }
        #expect(error?.refusal == .invalidValue)
    }
}
