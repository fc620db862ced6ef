#Requires -RunAsAdministrator
<#
.SYNOPSIS
Tests the driver again and again while the stack below and above it changes.

.DESCRIPTION
Until the time is up: the self-test, then a change of the stack that makes NDIS pause, restart,
detach or attach the filter, in turn. At the end the driver is unloaded, so that Driver Verifier
looks for what it left behind, and loaded again. A crash ends the machine, not the script: then
collect.ps1 finds the dump.

The adapters lose their connections while this runs. Use the console of the VM, not Remote Desktop.

.PARAMETER Minutes
How long.

.PARAMETER Adapter
The adapter whose stack changes; by default the first that the filter is bound to.
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 10000)] [int] $Minutes = 10,
    [string] $Adapter
)
. (Join-Path $PSScriptRoot 'common.ps1')

if (-not (Test-Verifier)) {
    Write-Warning 'Driver Verifier does not watch the driver; verifier.ps1 sets it'
}
$Adapter = Get-TestAdapter $Adapter

# Each makes NDIS take the module through other states.
$changes = @(
    @{ Name = 'another filter leaves and comes back'; Change = {
        Disable-NetAdapterBinding -Name $Adapter -ComponentID 'ms_pacer'
        Enable-NetAdapterBinding -Name $Adapter -ComponentID 'ms_pacer'
    } }
    @{ Name = 'the filter itself leaves and comes back'; Change = {
        Disable-NetAdapterBinding -Name $Adapter -ComponentID $Component
        Enable-NetAdapterBinding -Name $Adapter -ComponentID $Component
    } }
    @{ Name = 'a protocol leaves and comes back'; Change = {
        Disable-NetAdapterBinding -Name $Adapter -ComponentID 'ms_lltdio'
        Enable-NetAdapterBinding -Name $Adapter -ComponentID 'ms_lltdio'
    } }
    @{ Name = 'the adapter is restarted'; Change = {
        Restart-NetAdapter -Name $Adapter
    } }
)

$until = (Get-Date).AddMinutes($Minutes)
$rounds = 0
$failures = 0
while ((Get-Date) -lt $until) {
    $change = $changes[$rounds % $changes.Count]
    Write-Progress -Activity "Soaking $Adapter" -Status "$rounds rounds, $failures failures" `
        -CurrentOperation $change.Name
    & $change.Change
    Invoke-SelfTest $Adapter '--json' | Set-Content -Encoding UTF8 -Path (Join-Path $Results 'soak.json')
    if ($LASTEXITCODE -ne 0) {
        $failures++
        $kept = Join-Path $Results "soak-failure-$failures.json"
        Copy-Item (Join-Path $Results 'soak.json') $kept
        Write-Warning "round ${rounds}, after $($change.Name): status $LASTEXITCODE; see $kept"
    }
    $rounds++
}
Write-Progress -Activity "Soaking $Adapter" -Completed

# Driver Verifier breaks here if anything was left behind.
Invoke-Program 'sc.exe' @('stop', 'framecast')
(Get-Service -Name 'framecast').WaitForStatus('Stopped', '00:01:00')
Invoke-Program 'sc.exe' @('start', 'framecast')

Write-Outcome -Step 'soak' -Passed (($failures -eq 0) -and ($rounds -gt 0)) `
    -Detail "$rounds rounds in $Minutes minutes, $failures failures"
exit [int] ($failures -gt 0)
