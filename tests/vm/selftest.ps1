#Requires -RunAsAdministrator
<#
.SYNOPSIS
Runs framecastctl's self-test on the installed driver.

.DESCRIPTION
What is tested, and what counts as passed, is in framecastctl: the same test runs in ndis-lab. This
script keeps its answer and its exit status.

.PARAMETER Adapter
The adapter to test; by default the first with a connection that the filter is bound to.

.PARAMETER Target
Another adapter, which sends what the first receives: without one, no mirror is tested.
#>
[CmdletBinding()]
param(
    [string] $Adapter,
    [string] $Target
)
. (Join-Path $PSScriptRoot 'common.ps1')

$Adapter = Get-TestAdapter $Adapter
Wait-Adapter $Adapter
$options = @()
if ($Target) { $options = '--target', "$((Get-NetAdapter -Name $Target).ifIndex)" }
New-Item -ItemType Directory -Force -Path $Results | Out-Null
Invoke-SelfTest $Adapter ($options + '--json') | Set-Content -Encoding UTF8 -Path (Join-Path $Results 'selftest.json')
$status = $LASTEXITCODE
# Once more for the reader.
Invoke-SelfTest $Adapter $options | Out-Host
if ($status -eq 0) { $status = $LASTEXITCODE }
$watched = if (Test-Verifier) { 'with' } else { 'without' }
Write-Outcome -Step 'selftest' -Passed ($status -eq 0) `
    -Detail "exit status $status, $watched Driver Verifier"
exit $status
