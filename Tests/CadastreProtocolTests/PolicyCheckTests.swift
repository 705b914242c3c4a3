import CadastreProtocol
import RaftCore
import Testing

@Suite
struct PolicyCheckTests {
    @Test(arguments: [
        Policy(allowedCountries: ["France"]),
        Policy(allowedCountries: ["fr", "be"]),
        Policy(allowedCountries: Array(repeating: "fr", count: 10_000)),
        Policy(preferredLeaders: ["/"]),
        Policy(allowedCountries: ["fr"], preferredLeaders: ["be"]),
    ])
    func `a policy that cannot be is refused where it is decoded`(_ policy: Policy) {
        let change = PolicyChange(from: Policy(), to: policy)
        let bytes = AdministrationRequest.setPolicy(change, isDryRun: false).encode()
        let error = #expect(throws: ProtocolError.self) {
            _ = try AdministrationRequest(decoding: bytes)
        }
        #expect(error?.refusal == .invalidValue)
    }
}
